"""Export: a job of the scheduler, a thread and a cursor per exporter."""

from flask_chest.export.exports import Export
from flask_chest.export.supervisor import Delivery

__all__ = ["Delivery", "Export"]

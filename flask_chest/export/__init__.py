"""Export: a job of the scheduler, a thread and a cursor per exporter."""

from flask_chest.export.delivery import Delivery
from flask_chest.export.scheduler import Export

__all__ = ["Delivery", "Export"]

"""Export: delivers what waits in the journal to every exporter, in the background."""

from flask_chest.export.export import Export
from flask_chest.export.indexing import IndexJob
from flask_chest.export.leader_job import LeaderJob
from flask_chest.export.retention import Retention
from flask_chest.export.rollups import RollupJob
from flask_chest.export.supervisor import Supervisor

__all__ = ["Export", "IndexJob", "LeaderJob", "Retention", "RollupJob", "Supervisor"]

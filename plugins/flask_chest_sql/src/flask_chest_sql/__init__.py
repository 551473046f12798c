"""What the SQL backends of Flask-Chest share."""

from flask_chest_sql.server import ServerConfig, ServerStore
from flask_chest_sql.store import SqlStore
from flask_chest_sql.tables import Tables

__all__ = ["ServerConfig", "ServerStore", "SqlStore", "Tables"]

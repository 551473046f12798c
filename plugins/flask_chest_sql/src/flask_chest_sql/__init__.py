"""What the SQL backends of Flask-Chest share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_sql.config import SqlServerConfig

if TYPE_CHECKING:
    from flask_chest_sql.schema import Tables
    from flask_chest_sql.server_store import ServerStore
    from flask_chest_sql.store import SqlStore

__all__ = ["ServerStore", "SqlServerConfig", "SqlStore", "Tables"]

# They import SQLAlchemy, which a configuration does not need.
__getattr__ = lazy_attributes(
    __name__, ServerStore="server_store", SqlStore="store", Tables="schema"
)

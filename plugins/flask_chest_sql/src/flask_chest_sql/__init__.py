"""What the SQL backends of Flask-Chest share."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from flask_chest_sql.config import ServerConfig

if TYPE_CHECKING:
    from flask_chest_sql.server import ServerStore
    from flask_chest_sql.store import SqlStore
    from flask_chest_sql.tables import Tables

__all__ = ["ServerConfig", "ServerStore", "SqlStore", "Tables"]

# They import SQLAlchemy, which a configuration does not need.
_LATER: Final = {"ServerStore": "server", "SqlStore": "store", "Tables": "tables"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""MongoDB for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_chest_mongo.config import MongoConfig

if TYPE_CHECKING:
    from flask_chest_mongo.store import MongoStore

__all__ = ["MongoConfig", "MongoStore"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it
    if name == "MongoStore":
        from flask_chest_mongo.store import MongoStore  # noqa: PLC0415 - imports the driver

        return MongoStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""MongoDB for Flask-Chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest.deferred import lazy_attributes
from flask_chest_mongo.config import MongoConfig

if TYPE_CHECKING:
    from flask_chest_mongo.store import MongoStore

__all__ = ["MongoConfig", "MongoStore"]

__getattr__ = lazy_attributes(__name__, MongoStore="store")  # imports the driver

"""MongoDB for Flask-Chest."""

from flask_chest_mongo.config import MongoConfig
from flask_chest_mongo.store import MongoStore

__all__ = ["MongoConfig", "MongoStore"]

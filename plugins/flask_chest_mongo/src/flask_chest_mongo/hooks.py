"""Entry point: announces the store for MongoDB, which is imported when it is opened."""

from __future__ import annotations

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_mongo.config import MongoConfig


class Mongo(DeferredStore):
    """Stores records in MongoDB."""

    type = "mongo"
    schemes = ("mongodb",)
    config_model = MongoConfig
    implementation = "flask_chest_mongo.store:MongoStore"
    requires = ("bson", "pymongo")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mongo`."""
    return [Mongo]

"""Entry point: announces the store for MongoDB, which is imported when it is opened."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, ClassVar

from flask_chest import hookimpl
from flask_chest.deferred import DeferredStore
from flask_chest.exporter import Exporter
from flask_chest_mongo.config import MongoConfig

if TYPE_CHECKING:
    from pydantic import BaseModel


class Mongo(DeferredStore):
    """Stores records in MongoDB."""

    type: ClassVar[str] = "mongo"
    schemes: ClassVar[tuple[str, ...]] = ("mongodb",)
    config_model: ClassVar[builtins.type[BaseModel]] = MongoConfig
    implementation: ClassVar[str] = "flask_chest_mongo.store:MongoStore"
    requires: ClassVar[tuple[str, ...]] = ("bson", "pymongo")


@hookimpl
def chest_exporters() -> list[type[Exporter]]:
    """Announce the type `mongo`."""
    return [Mongo]

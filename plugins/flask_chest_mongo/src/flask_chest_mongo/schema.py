"""The collections of one database: created when missing, refused when they are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError, OperationFailure

from flask_chest.errors import SchemaMismatch
from flask_chest.schema import SCHEMA_VERSION, names_taken, refuse_newer

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

_VERSION_ID: Final = "flask-chest"
"""`_id` of the one document in the collection `chest_schema`."""

_INDEXES: Final = {
    "chest_started_at": {"started_at": 1, "started_at_us": 1, "_id": 1},
    "chest_request_id": {"request_id": 1},
}
_RETENTION: Final = "chest_retention"
"""Name of the TTL index. It must have a single field, so it cannot be `chest_started_at`."""

_UNAUTHORIZED: Final = 13
_INDEX_NOT_FOUND: Final = 27
_NAMESPACE_EXISTS: Final = 48


class Schema:
    """The collections, the indexes and the view of Flask-Chest in a database.

    Args:
        database: With the write concern of the majority.
        prefix: First part of all names.
        location: Where the database is, for messages.
    """

    def __init__(self, database: Database[dict[str, Any]], prefix: str, location: str) -> None:
        self._database = database
        self._location = location
        self.records = f"{prefix}records"
        self.variables = f"{prefix}variables"
        self.schema = f"{prefix}schema"

    def prepare(self, retention_seconds: int | None) -> None:
        """Create what is missing, and check that the rest is ours.

        Several processes may do this at once, and each may stop in between. So the collection
        `chest_schema` is created first, and its document, which marks the end, is inserted last.

        Args:
            retention_seconds: Age at which the server deletes a record; None for never.

        Raises:
            SchemaMismatch: There is something of these names that we must not write into.
            PyMongoError: The server refuses it.
        """
        found = self._found()
        try:
            self._refuse_foreign(found)
        except SchemaMismatch:  # another process may be creating it just now
            found = self._found()
            self._refuse_foreign(found)
        self._create(self.schema, found)
        self._create(self.records, found)
        self._create_indexes(retention_seconds)
        self._create(self.variables, found, viewOn=self.records, pipeline=_VARIABLES)
        # Also when the document is there: a missing privilege shows now, not with the first batch.
        with suppress(DuplicateKeyError):
            self._versions.insert_one({"_id": _VERSION_ID, "version": SCHEMA_VERSION})

    # -- Checking ------------------------------------------------------------------------------

    @property
    def _versions(self) -> Collection[dict[str, Any]]:
        return self._database.get_collection(self.schema, read_preference=ReadPreference.PRIMARY)

    def _found(self) -> dict[str, dict[str, Any]]:
        names = [self.schema, self.records, self.variables]
        listed = self._database.list_collections(filter={"name": {"$in": names}})
        return {each["name"]: dict(each) for each in listed}

    def _refuse_foreign(self, found: dict[str, dict[str, Any]]) -> None:
        if self.schema not in found:
            if found:
                raise names_taken(self._location, found)
            return
        for name in (self.schema, self.records):
            if found.get(name, {}).get("type", "collection") != "collection":
                raise SchemaMismatch(
                    f"{self._location} has a {name} that is no collection. Rename it, or give "
                    "Flask-Chest another database"
                )
        view = found.get(self.variables)
        if view is not None and view.get("options", {}).get("viewOn") != self.records:
            raise SchemaMismatch(
                f"{self._location} has a {self.variables} that is no view of {self.records}. "
                "Rename it, or give Flask-Chest another database"
            )
        version = self._version()
        if version is not None:
            refuse_newer(self._location, version)

    def _version(self) -> object:
        """Return the version of the schema; None when its creation was cut short."""
        document = self._versions.find_one({"_id": _VERSION_ID})
        if document is not None:
            return document.get("version", "without a number")
        if self._versions.find_one({}, {"_id": 1}) is not None:
            raise SchemaMismatch(
                f"{self._location} has a {self.schema} without our document. Rename it, or give "
                "Flask-Chest another database"
            )
        return None

    # -- Creating --------------------------------------------------------------------------------

    def _create(self, name: str, found: dict[str, Any], **options: Any) -> None:  # noqa: ANN401
        if name not in found:
            with _allowed(_NAMESPACE_EXISTS):
                self._database.command("create", name, **options)

    def _create_indexes(self, retention_seconds: int | None) -> None:
        records = self._database[self.records]
        found = records.index_information()
        for name, keys in _INDEXES.items():
            if name not in found:
                records.create_index(list(keys.items()), name=name)
        retention = found.get(_RETENTION, {}).get("expireAfterSeconds")
        if retention == retention_seconds:
            return
        if retention is not None and retention_seconds is not None:
            # The role readWrite may not change an index, but may create another one.
            with _allowed(_UNAUTHORIZED):
                index = {"name": _RETENTION, "expireAfterSeconds": retention_seconds}
                self._database.command("collMod", self.records, index=index)
                return
        if retention is not None:
            with _allowed(_INDEX_NOT_FOUND):
                records.drop_index(_RETENTION)
        if retention_seconds is not None:
            records.create_index(
                "started_at", name=_RETENTION, expireAfterSeconds=retention_seconds
            )


_VARIABLES: Final = [
    {
        "$project": {
            "request_id": 1,
            "started_at": 1,
            "endpoint": 1,
            "variable": {"$objectToArray": "$variables"},
        }
    },
    {"$unwind": "$variable"},
    {
        "$project": {
            "_id": 0,
            "record_id": "$_id",
            "request_id": 1,
            "started_at": 1,
            "endpoint": 1,
            "name": "$variable.k",
            "value": "$variable.v",
        }
    },
]
"""The pipeline of the view `chest_variables`."""


@contextmanager
def _allowed(code: int) -> Iterator[None]:
    """Suppress the error of the server with this code."""
    try:
        yield
    except OperationFailure as error:
        if error.code != code:
            raise

"""The collections of one database: made where they are missing, refused where they are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError, OperationFailure

from flask_chest.errors import SchemaMismatch

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

SCHEMA_VERSION: Final = 1
"""Raised by every change to the collections that an older Flask-Chest could not write into."""

_VERSION_ID: Final = "flask-chest"
"""`_id` of the one document in the collection `chest_schema`."""

_INDEXES: Final = {
    "chest_started_at": {"started_at": 1, "started_at_us": 1, "_id": 1},
    "chest_request_id": {"request_id": 1},
}
_RETENTION: Final = "chest_retention"
"""Name of the TTL index, which must have one field and so cannot be `chest_started_at`."""

_UNAUTHORIZED: Final = 13
_INDEX_NOT_FOUND: Final = 27
_NAMESPACE_EXISTS: Final = 48


class Schema:
    """What Flask-Chest has in a database.

    Args:
        database: Writes to it wait for the majority.
        prefix: What the names begin with.
        location: Where the database is, for messages.
    """

    def __init__(self, database: Database[dict[str, Any]], prefix: str, location: str) -> None:
        self._database = database
        self._location = location
        self.records = f"{prefix}records"
        self.variables = f"{prefix}variables"
        self.schema = f"{prefix}schema"

    def prepare(self, retention_seconds: int | None) -> None:
        """Make what is missing, and check that the rest is ours.

        Several processes may do this at once, and one may be stopped in between: the collection
        `chest_schema` is made first, and its document, which says that all is there, last.

        Args:
            retention_seconds: Age at which the server deletes a record; None for never.

        Raises:
            SchemaMismatch: There is something of these names that we must not write into.
            PyMongoError: The server does not let us.
        """
        found = self._found()
        try:
            self._refuse_foreign(found)
        except SchemaMismatch:  # or half of what another process creates just now
            found = self._found()
            self._refuse_foreign(found)
        self._create(self.schema, found)
        self._create(self.records, found)
        self._make_indexes(retention_seconds)
        self._create(self.variables, found, viewOn=self.records, pipeline=_VARIABLES)
        # Also when it is there: that it may be written shows now, and not with the first batch.
        with suppress(DuplicateKeyError):
            self._versions.insert_one({"_id": _VERSION_ID, "version": SCHEMA_VERSION})

    # -- What is there -------------------------------------------------------------------------

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
                raise SchemaMismatch(
                    f"{self._location} has a {' and a '.join(sorted(found))} that Flask-Chest did "
                    "not create. Rename it, or give Flask-Chest another database"
                )
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
        if version is not None and (not isinstance(version, int) or version > SCHEMA_VERSION):
            raise SchemaMismatch(
                f"{self._location} has the schema version {version}; this Flask-Chest writes "
                f"{SCHEMA_VERSION}. Upgrade it: pip install --upgrade flask-chest"
            )

    def _version(self) -> object:
        """Return the version that is there, or None where creation was cut short."""
        document = self._versions.find_one({"_id": _VERSION_ID})
        if document is not None:
            return document.get("version", "without a number")
        if self._versions.find_one({}, {"_id": 1}) is not None:
            raise SchemaMismatch(
                f"{self._location} has a {self.schema} without our document. Rename it, or give "
                "Flask-Chest another database"
            )
        return None

    # -- What is made ----------------------------------------------------------------------------

    def _create(self, name: str, found: dict[str, Any], **options: Any) -> None:  # noqa: ANN401
        if name not in found:
            with _allowed(_NAMESPACE_EXISTS):
                self._database.command("create", name, **options)

    def _make_indexes(self, retention_seconds: int | None) -> None:
        records = self._database[self.records]
        found = records.index_information()
        for name, keys in _INDEXES.items():
            if name not in found:
                records.create_index(list(keys.items()), name=name)
        retention = found.get(_RETENTION, {}).get("expireAfterSeconds")
        if retention == retention_seconds:
            return
        if retention is not None and retention_seconds is not None:
            # The role readWrite alone may not change an index, but make another one.
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
    """Pass over the error of the server that has this code."""
    try:
        yield
    except OperationFailure as error:
        if error.code != code:
            raise

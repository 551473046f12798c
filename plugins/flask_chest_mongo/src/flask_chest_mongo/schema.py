"""The collections of one database: created when missing, used as they are, never mixed."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError, ExecutionTimeout, NetworkTimeout, OperationFailure

from flask_chest.errors import SchemaMismatch
from flask_chest.runtime.log import Throttle
from flask_chest.schema import FIELDS, SCHEMA_VERSION, names_taken, refuse_newer
from flask_chest_mongo.ddl import (
    INDEXES,
    NAMESPACE_EXISTS,
    PIPELINE,
    RETENTION,
    VERSION_ID,
    commands,
    described,
    has_keys,
    is_served,
    names,
)
from flask_chest_mongo.encode import RAW
from flask_chest_mongo.errors import UNAUTHORIZED, brief
from flask_chest_mongo.insertion import try_insert

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

_INDEX_NOT_FOUND: Final = 27
_TOLERATED: Final = frozenset({UNAUTHORIZED, 67, 68, 85, 86})
"""Codes of an index or view that cannot be created and without which records are stored all the
same: no privilege, too many indexes, and an index like it that is there (IndexOptionsConflict)."""


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
        self._names = names(prefix)
        self.schema, self.records, self.variables = self._names
        self._throttle = Throttle()

    def prepare(self, retention_seconds: int | None) -> None:
        """Create what is missing, and make sure that the rest is ours.

        Several processes may do this at once, and each may stop in between. So the document of
        `chest_schema`, which marks the end, is inserted last. What records are stored without, such
        as an index, is no reason to stop delivery.

        Args:
            retention_seconds: Age at which the server deletes a record; None for never.

        Raises:
            SchemaMismatch: There is something of these names that we must not write into.
            PyMongoError: The server refuses it.
        """
        found = self.found()
        if found is not None:
            try:
                self._refuse_foreign(found)
            except SchemaMismatch:  # another process may be creating it just now
                found = self.found() or {}
                self._refuse_foreign(found)
            for command in self._missing(found):
                self._tolerant(functools.partial(self._database.command, command))
            if retention_seconds is not None:
                self._tolerant(lambda: self.expire_after(retention_seconds))
        else:
            with _allowed(UNAUTHORIZED):
                self._refuse_newer()
        self._mark()

    def _tolerant(self, create: Callable[[], object]) -> None:
        """Create something; go on when it cannot be, and records are stored all the same."""
        try:
            create()
        except (ExecutionTimeout, NetworkTimeout) as error:
            # An index of many records takes long. The server goes on with it.
            self._say(error)
        except OperationFailure as error:
            if error.code == NAMESPACE_EXISTS:  # another process was faster
                return
            if error.code not in _TOLERATED:
                raise
            self._say(error)

    def _say(self, error: Exception) -> None:
        self._throttle.log(
            logging.WARNING,
            "schema",
            f"{self._location}: not all of the schema can be created, and records are stored "
            f"without it: {brief(error)}. `flask chest check` shows what is missing",
        )

    def _mark(self) -> None:
        """Insert the version, which also shows a missing privilege before the first batch."""
        try:
            self._versions.insert_one({"_id": VERSION_ID, "version": SCHEMA_VERSION})
        except DuplicateKeyError:
            pass
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            if not self._can_be_read():  # one who only asks needs no more
                self.try_insert()  # a role for the records alone is enough

    def _can_be_read(self) -> bool:
        with _allowed(UNAUTHORIZED):
            return self._version() is not None
        return False

    def try_insert(self) -> None:
        """Find out whether this user may insert records, without inserting one.

        Raises:
            PyMongoError: Not so.
        """
        try_insert(self._database, self.records)

    # -- Looking -------------------------------------------------------------------------------

    @property
    def _versions(self) -> Collection[dict[str, Any]]:
        return self._database.get_collection(self.schema, read_preference=ReadPreference.PRIMARY)

    def found(self) -> dict[str, dict[str, Any]] | None:
        """Return what there is of our names; None when this user may not list collections."""
        try:
            listed = self._database.list_collections(filter={"name": {"$in": list(self._names)}})
            return {each["name"]: dict(each) for each in listed}
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            return None

    def indexes(self) -> dict[str, dict[str, Any]]:
        """Return the indexes of the records, by name."""
        return {
            name: dict(index)
            for name, index in self._database[self.records].index_information().items()
        }

    def is_our_view(self, found: dict[str, dict[str, Any]]) -> bool:
        """Return whether `chest_variables` is a view of our records."""
        view = found.get(self.variables, {})
        return bool(view.get("options", {}).get("viewOn") == self.records)

    def _refuse_foreign(self, found: dict[str, dict[str, Any]]) -> None:
        for name in (self.schema, self.records):
            if found.get(name, {}).get("type", "collection") != "collection":
                raise self._foreign(name, "is no collection")
        has_version = self.schema in found and self._refuse_newer()
        if self.records in found:
            if not has_version and not self._has_records():
                raise names_taken(self._location, [self.records])
        elif self.variables in found and not self.is_our_view(found):
            if self.schema not in found:
                raise names_taken(self._location, [self.variables])
            raise self._foreign(self.variables, f"is no view of {self.records}")

    def _foreign(self, name: str, fault: str) -> SchemaMismatch:
        return SchemaMismatch(
            f"{self._location} has a {name} that {fault}. Rename it, or give Flask-Chest another "
            "database"
        )

    def _has_records(self) -> bool:
        """Return whether what is in the collection of records is ours, or nothing is in it."""
        records = self._database.get_collection(self.records, codec_options=RAW)
        document = records.find_one()
        ours = {"_id", "started_at_us", *FIELDS} - {"id"}
        return (
            document is None
            or ours <= set(document.keys())
            or any(has_keys(index, "chest_started_at") for index in self.indexes().values())
        )

    def _refuse_newer(self) -> bool:
        """Return whether there is a version, which this Flask-Chest can write."""
        version = self._version()
        if version is not None:
            refuse_newer(self._location, version)
        return version is not None

    def _version(self) -> object:
        """Return the version of the schema; None when its creation was cut short."""
        document = self._versions.find_one({"_id": VERSION_ID})
        if document is not None:
            return document.get("version", "without a number")
        if self._versions.find_one({}, {"_id": 1}) is not None:
            raise SchemaMismatch(
                f"{self._location} has a {self.schema} without our document. Rename it, or give "
                "Flask-Chest another database"
            )
        return None

    # -- Creating --------------------------------------------------------------------------------

    def _missing(self, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the commands that create what is missing."""
        indexes = self.indexes() if self.records in found else {}
        missing = []
        for command in commands(self._names):
            name = str(next(iter(command.values())))
            if "create" in command and name in found:
                continue
            if "createIndexes" in command and is_served(indexes, command["indexes"][0]["name"]):
                continue
            if "update" not in command:
                missing.append(command)
        return missing

    def expire_after(self, seconds: int | None) -> str | None:
        """Let the server delete records of this age; None for never. Return what was done."""
        records = self._database[self.records]
        known = self.indexes().get(RETENTION, {}).get("expireAfterSeconds")
        if known == seconds:
            return None
        if known is not None and seconds is not None:
            # The role readWrite may not change an index, but may create another one.
            try:
                index = {"name": RETENTION, "expireAfterSeconds": seconds}
                self._database.command("collMod", self.records, index=index)
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:
                    raise
            else:
                return f"changed {RETENTION} from {known} to {seconds} seconds"
        if known is not None:
            with _allowed(_INDEX_NOT_FOUND):
                records.drop_index(RETENTION)
        if seconds is None:
            return f"dropped {RETENTION}: no retention is configured"
        records.create_index("started_at", name=RETENTION, expireAfterSeconds=seconds)
        return f"created {RETENTION} with {seconds} seconds"

    def repair(self) -> list[str]:
        """Create again what is missing, and replace what is ours and was changed.

        Returns:
            What was done, one sentence each.

        Raises:
            SchemaMismatch: There is something of these names that we must not write into.
            PyMongoError: The server refuses it.
        """
        found = self.found() or {}
        self._refuse_foreign(found)
        done = []
        if self.variables in found:
            if not self.is_our_view(found):
                raise self._foreign(self.variables, f"is no view of {self.records}")
            if found[self.variables]["options"].get("pipeline") != PIPELINE:
                self._database.drop_collection(self.variables)
                done.append(f"dropped the view {self.variables}, which had been changed")
                del found[self.variables]
        if self.records in found:
            indexes = self.indexes()
            for name in INDEXES:
                if name in indexes and not has_keys(indexes[name], name):
                    self._database[self.records].drop_index(name)
                    done.append(f"dropped the index {name}, which had been changed")
        for command in self._missing(found):
            self._database.command(command)
            done.append(f"created {described(command)}")
        if self.schema not in found or self._version() is None:
            self._mark()
            done.append(f"wrote the schema version into {self.schema}")
        return done


@contextmanager
def _allowed(code: int) -> Iterator[None]:
    """Suppress the error of the server with this code."""
    try:
        yield
    except OperationFailure as error:
        if error.code != code:
            raise

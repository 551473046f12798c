"""What `flask chest check` says of a MongoDB database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import ExecutionTimeout, NetworkTimeout, OperationFailure

from flask_chest.exporter import Finding
from flask_chest.query.times import spoken
from flask_chest_mongo.conditions import NOTHING
from flask_chest_mongo.ddl import INDEXES, PIPELINE, RETENTION, has_keys, is_served
from flask_chest_mongo.errors import UNAUTHORIZED, brief
from flask_chest_mongo.readable import READABLE
from flask_chest_mongo.variable_indexes import NO_PATH, VariableIndexes, is_ours

if TYPE_CHECKING:
    from pymongo.database import Database

    from flask_chest_mongo.schema import Schema

_REPAIR: Final = "Run `flask chest schema repair`"
_MEBIBYTE: Final = 1024 * 1024


class Inspection:
    """Looks at the database of a store that is open.

    Args:
        database: The database.
        schema: Of the store.
        retention_seconds: Age at which the server shall delete a record; None for never.
        timeout_ms: Longest time of a question.
        wanted: Indexes of variables.
        knows_retention: Whether that age is known. Without the application it is not.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        schema: Schema,
        retention_seconds: int | None,
        timeout_ms: int,
        wanted: VariableIndexes,
        *,
        knows_retention: bool,
    ) -> None:
        self._database = database
        self._schema = schema
        self._retention_seconds = retention_seconds
        self._timeout_ms = timeout_ms
        self._wanted = wanted
        self._knows_retention = knows_retention

    def findings(self) -> list[Finding]:
        """Return all findings. A question that this user may not ask is one itself."""
        found: list[Finding] = []
        for look in (
            self._version,
            self._privileges,
            self._collections,
            self._indexes,
            self._retention,
            self._unreadable,
            self._size,
        ):
            try:
                found += look()
            except OperationFailure as error:
                subject = look.__name__.strip("_")
                text = f"cannot be looked at: {brief(error)}"
                remedy = "Grant the role readWrite" if error.code == UNAUTHORIZED else ""
                found.append(Finding("warning", subject, text, remedy))
        return found

    def _version(self) -> Iterator[Finding]:
        hello = self._database.client.admin.command("hello")
        version = self._database.client.admin.command("buildInfo")["version"]
        if hello.get("msg") == "isdbgrid":
            kind = "sharded, through mongos"
        else:
            kind = f"replica set {hello['setName']}" if "setName" in hello else "a single server"
        yield Finding("ok", "version", f"MongoDB {version}, {kind}")

    def _privileges(self) -> Iterator[Finding]:
        records = self._database[self._schema.records]
        attempts: dict[str, Callable[[], object]] = {
            "deliver (insert)": self._schema.try_insert,
            "read (find)": lambda: records.find_one({}, {"_id": 1}),
            "purge and erase (remove)": lambda: records.delete_many(NOTHING),
        }
        missing = [name for name, attempt in attempts.items() if not _is_allowed(attempt)]
        if missing:
            text = f"this user may not {', nor '.join(missing)}"
            yield Finding("warning", "privileges", text, "Grant the role readWrite")
        else:
            yield Finding("ok", "privileges", "this user may deliver, read, purge and erase")

    def _collections(self) -> Iterator[Finding]:
        found = self._schema.found()
        if found is None:
            text = "this user may not list collections; what is missing is not created"
            yield Finding("warning", "schema", text, "Grant the role readWrite")
            return
        records = found.get(self._schema.records, {}).get("options", {})
        if records.get("capped"):
            yield Finding(
                "warning",
                "schema",
                f"{self._schema.records} is capped: it forgets its oldest records when it is full",
                'Make it a usual one: db.runCommand({"cloneCollection" ...}) or a new database',
            )
        if records.get("validator"):
            yield Finding(
                "warning",
                "schema",
                f"{self._schema.records} has a validator. What it refuses is dead-lettered",
                "See that it lets every record pass",
            )
        if self._schema.variables not in found:
            yield Finding("warning", "schema", f"no view {self._schema.variables}", _REPAIR)
        elif not self._schema.is_our_view(found):
            text = f"{self._schema.variables} is no view of {self._schema.records}"
            yield Finding("warning", "schema", text, "Rename it, and repair the schema")
        elif found[self._schema.variables]["options"].get("pipeline") != PIPELINE:
            text = f"the view {self._schema.variables} has been changed"
            yield Finding("warning", "schema", text, _REPAIR)

    def _indexes(self) -> Iterator[Finding]:
        indexes = self._schema.indexes()
        for name in INDEXES:
            if not is_served(indexes, name):
                yield Finding("warning", "schema", f"no index {name}: queries are slow", _REPAIR)
            elif name in indexes and not has_keys(indexes[name], name):
                text = f"the index {name} has been changed: queries may be slow"
                yield Finding("warning", "schema", text, _REPAIR)
        for name, index in indexes.items():
            if index.get("unique"):
                yield Finding(
                    "warning",
                    "schema",
                    f"the index {name} is unique: delivery stops at records with equal values",
                    "Drop it, or make it an ordinary index",
                )
        yield from self._variable_indexes(indexes)
        others = indexes.keys() - {"_id_", RETENTION, *INDEXES, *filter(is_ours, indexes)}
        if others:
            text = f"{len(others)} indexes of your own, which each insert maintains: "
            yield Finding("ok", "indexes", text + ", ".join(sorted(others)))

    def _variable_indexes(self, indexes: dict[str, dict[str, Any]]) -> Iterator[Finding]:
        for index in self._wanted.missing(indexes):
            text = f"no index {index['name']} yet: the leader creates it, beside delivery"
            yield Finding("warning", "indexes", text, f"Wait, or r{_REPAIR[1:]}")
        for name in self._wanted.superfluous(indexes):
            text = f"the index {name} is not wanted any more: the leader drops it"
            yield Finding("warning", "indexes", text, f"Wait, or r{_REPAIR[1:]}")
        for text in self._wanted.impossible:
            remedy = "Take it out of CHEST_INDEXED_VARIABLES, or record it under another name"
            yield Finding("warning", "indexes", f"the variable {text}: {NO_PATH}", remedy)

    def _retention(self) -> Iterator[Finding]:
        ages = {
            name: index["expireAfterSeconds"]
            for name, index in self._schema.indexes().items()
            if "expireAfterSeconds" in index
        }
        ours = ages.pop(RETENTION, None)
        if self._knows_retention and ours != self._retention_seconds:
            yield Finding(
                "warning",
                "retention",
                f"the server {_deletes(ours)}, and by the configuration it "
                f"{_deletes(self._retention_seconds)}",
                f"{_REPAIR}, as a user who may change indexes",
            )
        else:
            yield Finding("ok", "retention", f"the server itself {_deletes(ours)}")
        for name, seconds in ages.items():
            yield Finding(
                "warning",
                "retention",
                f"the index {name}, which is not ours, is one by which the server "
                f"{_deletes(seconds)}",
                "Drop it unless that is meant",
            )

    def _unreadable(self) -> Iterator[Finding]:
        records = self._database[self._schema.records]
        try:
            count = records.count_documents(
                {"$nor": [READABLE]}, limit=10_000, maxTimeMS=self._timeout_ms
            )
        except (ExecutionTimeout, NetworkTimeout):
            yield Finding("ok", "records", "too many to look at each within `timeout_seconds`")
            return
        if count:
            yield Finding(
                "warning",
                "records",
                f"{count} documents are no records, and are passed over by every read",
                "Correct or remove them: the log has the _id of one with every read",
            )

    def _size(self) -> Iterator[Finding]:
        stats = self._database.command("collStats", self._schema.records)
        size, indexes = stats.get("storageSize", 0), stats.get("totalIndexSize", 0)
        text = f"{stats.get('count', 0):,} records, {_mib(size)}, and {_mib(indexes)} of indexes"
        yield Finding("ok", "size", f"{text}{', sharded' if stats.get('sharded') else ''}")


def _is_allowed(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OperationFailure as error:
        return error.code != UNAUTHORIZED
    return True


def _deletes(seconds: int | None) -> str:
    if seconds is None:
        return "deletes nothing"
    return f"deletes records after {spoken(timedelta(seconds=seconds))}"


def _mib(size: float) -> str:
    return f"{size / _MEBIBYTE:,.1f} MiB"

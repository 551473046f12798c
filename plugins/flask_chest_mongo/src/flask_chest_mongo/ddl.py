"""The commands that create the schema, and what an index of ours has to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flask_chest.rollup import State
from flask_chest.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION_ID: Final = "flask-chest"
"""`_id` of the one document in the collection `chest_schema`."""

INDEXES: Final[Mapping[str, dict[str, int]]] = {
    "chest_started_at": {"started_at": 1, "started_at_us": 1, "_id": 1},
    "chest_request_id": {"request_id": 1},
}
RETENTION: Final = "chest_retention"
"""Name of the TTL index. It must have a single field, so it cannot be `chest_started_at`."""

NAMESPACE_EXISTS: Final = 48
"""Code of the server when a collection or a view is there already."""

ROLLUP_STATE: Final = "rollups"
"""`_id` of the one document in the collection `chest_rollup_state`."""

ROLLUP_PLACE: Final[Mapping[str, int]] = {"series": 1, "tier": 1, "bucket": 1, "place": 1}
"""Keys of the unique index of the rows of rollups."""

ROLLUP_INDEXES: Final = ("chest_rollup_place", "chest_rollup_minute")
"""Names of the index of the rows, and of that of the marks.

A collection that was dropped is created again by the next insertion, but without its index.
"""

PIPELINE: Final = [
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


def names(prefix: str) -> tuple[str, str, str]:
    """Return the names of the version, the records and the view."""
    return f"{prefix}schema", f"{prefix}records", f"{prefix}variables"


def commands(
    of: tuple[str, str, str],
    retention_seconds: int | None = None,
    more: Iterable[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return the commands that create the schema in an empty database, in their order.

    Only those that create a collection or the view fail where these are there.

    Args:
        of: See `names`.
        retention_seconds: Age at which the server deletes a record; None for never.
        more: Further indexes of the records.
    """
    schema, records, variables = of
    indexes: list[dict[str, Any]] = [{"key": keys, "name": name} for name, keys in INDEXES.items()]
    if retention_seconds is not None:
        ttl = {"name": RETENTION, "expireAfterSeconds": retention_seconds}
        indexes.append({"key": {"started_at": 1}, **ttl})
    indexes += more
    return [
        {"create": schema},
        {"create": records},
        *({"createIndexes": records, "indexes": [index]} for index in indexes),
        {"create": variables, "viewOn": records, "pipeline": PIPELINE},
        _insertion(schema, VERSION_ID, {"version": SCHEMA_VERSION}),
    ]


def _insertion(collection: str, identity: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the command that inserts a document where none has its `_id`."""
    change = {"q": {"_id": identity}, "u": {"$setOnInsert": fields}, "upsert": True}
    return {"update": collection, "updates": [change]}


def rollup_names(prefix: str) -> tuple[str, str, str]:
    """Return the names of the rows, the marks and the state of rollups."""
    return f"{prefix}rollups", f"{prefix}rollup_marks", f"{prefix}rollup_state"


def rollup_commands(prefix: str) -> list[dict[str, Any]]:
    """Return the commands that create the collections of rollups."""
    rows, marks, state = rollup_names(prefix)
    place = {"key": ROLLUP_PLACE, "name": ROLLUP_INDEXES[0], "unique": True}
    minute = {"key": {"minute": 1}, "name": ROLLUP_INDEXES[1]}
    return [
        *({"create": name} for name in (rows, marks, state)),
        {"createIndexes": rows, "indexes": [place]},
        {"createIndexes": marks, "indexes": [minute]},
    ]


def rollup_beginning(prefix: str) -> dict[str, Any]:
    """Return the command that writes the first state of rollups where there is none."""
    return _insertion(rollup_names(prefix)[2], ROLLUP_STATE, first_state())


def first_state() -> dict[str, Any]:
    """Return the fields of the state before anything was computed."""
    return {"value": State().dump(), "changes": 0}


def as_mongosh(database: str, command: dict[str, Any]) -> str:
    """Return a command as mongosh takes it. It may run again, and then changes nothing."""
    place = f"db.getSiblingDB({json.dumps(database)})"
    run = f"{place}.runCommand({json.dumps(command, ensure_ascii=False)})"
    if "create" not in command:
        return run
    name = json.dumps(command["create"], ensure_ascii=False)
    return f"{place}.getCollectionNames().includes({name}) || {run}"


def is_served(indexes: dict[str, dict[str, Any]], name: str) -> bool:
    """Return whether an index of ours is there, or another that does the same."""
    return name in indexes or any(has_keys(index, name) for index in indexes.values())


HARMLESS: Final = frozenset({"key", "v", "ns", "background", "unique"})
"""What an index may say of itself and have all documents."""


def has_keys(index: dict[str, Any], name: str) -> bool:
    """Return whether an index has the keys of ours, and has all documents."""
    return list(index["key"]) == list(INDEXES[name].items()) and index.keys() <= HARMLESS


def described(command: dict[str, Any]) -> str:
    """Return what a command creates."""
    kind = next(iter(command))
    if kind == "createIndexes":
        return f"the index {command['indexes'][0]['name']}"
    return f"the {'view' if 'viewOn' in command else 'collection'} {command[kind]}"

"""What `flask chest check` says of the rollups of a ClickHouse database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from flask_chest.exporter import Finding
from flask_chest_clickhouse import grants
from flask_chest_clickhouse.connection import identifier

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig
    from flask_chest_clickhouse.connection import Connection
    from flask_chest_clickhouse.rollup_tables import RollupTables

_SUBJECT: Final = "rollups"
_LATE: Final = "may not mark what changes, so the rollups get records an hour later"
_UNUSED: Final = "may not keep the rollups up to date"
_WITHOUT: Final = "Or do without: CHEST_ROLLUPS=0"


def look(
    connection: Connection,
    config: ClickHouseConfig,
    tables: RollupTables,
    missing: int,
    *,
    is_declared: bool,
) -> Iterator[Finding]:
    """Yield whether this user may keep up the rollups of the database, and what is missing.

    Args:
        connection: To the server.
        config: Of the store.
        tables: Those of the rollups.
        missing: How many of them are not there, or not to be seen by this user.
        is_declared: Whether the leader creates what is missing.
    """
    if missing and is_declared:
        rights = (
            ["CREATE TABLE"] if missing == len(tables.names) else ["CREATE TABLE", "DROP TABLE"]
        )
        lacking = _lacking(connection, config, dict.fromkeys(tables.names, rights))
        if config.cluster is not None and not grants.has(connection, "CLUSTER", "*.*"):
            lacking["*.*"] = ["CLUSTER"]
        if lacking:
            text = (
                "their tables are not there, or not to be seen, and this user may not create them"
            )
            remedy = "Let somebody who may run what `flask chest schema print` shows. "
            yield Finding("warning", _SUBJECT, _and(text, lacking), f"{remedy}{_WITHOUT}")
        else:
            yield Finding("ok", _SUBJECT, "their tables are not there yet: the leader creates them")
    elif not missing:
        needed = {
            tables.rows: ["SELECT", "INSERT", "ALTER DELETE"],
            tables.marks: ["SELECT", "INSERT"],
        }
        lacking = _lacking(connection, config, needed)
        if lacking:
            text = _LATE if lacking == {tables.marks: ["INSERT"]} else _UNUSED
            remedy = "; ".join(
                f"GRANT {', '.join(rights)} ON {on}" for on, rights in lacking.items()
            )
            yield Finding("warning", _SUBJECT, _and(text, lacking), f"{remedy}. {_WITHOUT}")
        else:
            yield Finding("ok", "privileges", "may keep the rollups up to date")


def _lacking(
    connection: Connection, config: ClickHouseConfig, needed: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return the rights of each table that this user lacks."""
    database = identifier(config.database)
    found = {
        table: [
            right
            for right in rights
            if not grants.has(connection, right, f"{database}.{identifier(table)}")
        ]
        for table, rights in needed.items()
    }
    return {table: rights for table, rights in found.items() if rights}


def _and(text: str, lacking: Mapping[str, Sequence[str]]) -> str:
    parts = (f"{right} on {table}" for table, rights in lacking.items() for right in rights)
    return f"{text}: it lacks {', '.join(parts)}"

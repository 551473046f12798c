"""What `flask chest check` says of a ClickHouse database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from flask_chest.errors import ConfigurationError
from flask_chest.exporter import Finding
from flask_chest.query.times import spoken
from flask_chest_clickhouse import ddl, expiry, grants
from flask_chest_clickhouse.connection import identifier
from flask_chest_clickhouse.differences import differences

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig
    from flask_chest_clickhouse.connection import Connection
    from flask_chest_clickhouse.indexes import VariableIndexes
    from flask_chest_clickhouse.schema import Schema, Table

_MEBIBYTE: Final = 1024 * 1024

_NO_TTL: Final = "the server itself deletes nothing"

_MANY_PARTS: Final = 500
"""Of one partition. From 1,000 on, ClickHouse slows insertions down."""

_RIGHTS: Final = ("SELECT", "INSERT", "ALTER DELETE")

_PARTS: Final = """\
SELECT sum(rows) AS records, sum(bytes_on_disk) AS bytes, count() AS parts,
 max(parts_of_partition) AS most
FROM (SELECT rows, bytes_on_disk, count() OVER (PARTITION BY partition) AS parts_of_partition
 FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String})"""

_STUCK: Final = """\
SELECT count() AS mutations, any(latest_fail_reason) AS reason FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
 AND latest_fail_reason != ''"""

_REPLICAS: Final = """\
SELECT is_readonly, absolute_delay, total_replicas, active_replicas FROM system.replicas
WHERE database = currentDatabase() AND table = {table:String}"""


class Inspection:
    """Looks at the database of one store.

    Args:
        connection: To the server.
        schema: Of the store.
        config: Of the store.
        retention: How long records are kept; None for ever.
        indexes: Of variables, which there should be.
        knows_retention: Whether the retention is known. Without the application it is not.
    """

    def __init__(
        self,
        connection: Connection,
        schema: Schema,
        config: ClickHouseConfig,
        retention: timedelta | None,
        indexes: VariableIndexes,
        *,
        knows_retention: bool,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._config = config
        self._retention = retention
        self._indexes = indexes
        self._knows_retention = knows_retention

    def findings(self) -> Iterator[Finding]:
        """Yield version, privileges, schema, retention, merges, replication and size."""
        yield Finding("ok", "version", f"ClickHouse {self._schema.refuse_old()}")
        found = self._schema.found()
        if self._schema.names.stored not in found:
            text = "there are no tables yet: the first delivery creates them"
            yield Finding("ok", "schema", text)
            return
        yield from self._privileges()
        yield from self._differences(found)
        with suppress(ConfigurationError):  # this user may not read them
            yield from self._of_variables()
        yield from self._expiry(found)
        yield from self._replication()
        yield from self._merges()

    def _privileges(self) -> Iterator[Finding]:
        missing = [right for right in _RIGHTS if not self._has(right)]
        if missing:
            rights = ", ".join(missing)
            text = f"this user lacks {rights} on the table {self._schema.names.stored}"
            yield Finding(
                "error" if "INSERT" in missing else "warning",
                "privileges",
                text,
                f"GRANT {rights} ON {self._schema.names.stored}",
            )
        else:
            yield Finding("ok", "privileges", f"{', '.join(_RIGHTS)} on the records")

    def _has(self, right: str) -> bool:
        table = f"{identifier(self._config.database)}.{identifier(self._schema.names.stored)}"
        return grants.has(self._connection, right, table)

    def _differences(self, found: dict[str, Table]) -> Iterator[Finding]:
        differs = False
        for each in differences(self._schema, self._config, found):
            differs = True
            yield Finding("warning", "schema", f"{each.what} {each.text}", each.remedy)
        for statement in ddl.creation(self._config, self._retention):
            if statement.name not in found:
                differs = True
                text = f"{statement.what} is missing"
                yield Finding("warning", "schema", text, "Run `flask chest schema repair`")
        if not differs:
            yield Finding("ok", "schema", f"version {self._schema.version()}, as it should be")

    def _of_variables(self) -> Iterator[Finding]:
        found, wanted = self._indexes.found(self._connection), self._indexes.names
        for name in sorted(wanted):
            variable = self._indexes.variable(name)
            if name in found:
                text = f"the variable {variable} has the index {name}"
                yield Finding("ok", "indexes", text)
            else:
                text = f"the variable {variable} has no index yet: equalities are slow"
                remedy = "The leader creates it, or: Run `flask chest schema repair`"
                yield Finding("warning", "indexes", text, remedy)
        for name in sorted(found - wanted):
            text = f"CHEST_INDEXED_VARIABLES names no variable for the index {name}"
            yield Finding("warning", "indexes", text, "The leader drops it")

    def _expiry(self, found: dict[str, Table]) -> Iterator[Finding]:
        seconds = self._schema.ttl_seconds(found)
        if self._retention is None:
            age = "" if seconds is None else spoken(timedelta(seconds=seconds))
            if not self._knows_retention:
                text = f"the server deletes records after {age}" if age else _NO_TTL
                yield Finding("ok", "retention", text)
            elif seconds is None:
                yield Finding("ok", "retention", "records are kept for ever")
            else:
                text = f"none is configured, but the server deletes records after {age}"
                yield Finding("warning", "retention", *self._unchanged(text))
        elif seconds == expiry.seconds(self._retention):
            kind = f"whole {self._config.partition_by}s"
            age = spoken(self._retention)
            text = f"the leader drops {kind} after {age}, the server {spoken(expiry.LATER)} later"
            yield Finding("ok", "retention", text)
        else:
            age = spoken(self._retention)
            text = f"records are deleted after {age}, but the server has another TTL"
            yield Finding("warning", "retention", *self._unchanged(text))

    def _unchanged(self, text: str) -> tuple[str, str]:
        """Return what is said of a TTL that differs, and the remedy."""
        if self._has("ALTER TTL"):
            return text, "Run `flask chest schema repair`"
        change = expiry.change(ddl.stored(self._config), self._retention)
        return f"{text}, and this user may not change it", f"Let an administrator run: {change}"

    def _replication(self) -> Iterator[Finding]:
        with suppress(ConfigurationError):  # this user may not read them
            yield from self._replicas()

    def _replicas(self) -> Iterator[Finding]:
        for row in self._ask(_REPLICAS):
            text = f"{row['active_replicas']} of {row['total_replicas']} replicas are up"
            if row["is_readonly"]:
                text = f"this replica is read-only, without its Keeper; {text}"
                yield Finding("error", "replication", text, "See system.replicas on the server")
            elif row["active_replicas"] < row["total_replicas"]:
                yield Finding("warning", "replication", text, "See system.replicas on the server")
            else:
                yield Finding("ok", "replication", f"{text}, {row['absolute_delay']} s behind")

    def _merges(self) -> Iterator[Finding]:
        try:
            [parts] = self._ask(_PARTS)
            [stuck] = self._ask(_STUCK)
        except ConfigurationError:  # this user may not read them
            return
        if int(stuck["mutations"]):
            text = f"{stuck['mutations']} deletions or changes cannot be carried out"
            remedy = "See latest_fail_reason in system.mutations"
            yield Finding("warning", "mutations", text, remedy)
        if int(parts["most"]) > _MANY_PARTS:
            text = f"one partition has {parts['most']} parts: merges do not keep up"
            remedy = "Let batches be larger: `min_batch_records`, `max_wait_seconds`"
            yield Finding("warning", "merges", text, remedy)
        records, size = int(parts["records"]), int(parts["bytes"]) / _MEBIBYTE
        text = f"{records:,} records, {size:,.1f} MiB, in {parts['parts']} parts"
        yield Finding("ok", "size", text)

    def _ask(self, statement: str) -> list[dict[str, Any]]:
        answer = self._connection.ask(
            f"{statement} FORMAT JSONEachRow", parameters={"table": self._schema.names.stored}
        )
        return [json.loads(line) for line in answer.splitlines()]

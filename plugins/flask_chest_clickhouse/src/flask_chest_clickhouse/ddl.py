"""The statements that create the tables: on one server, replicated, and on shards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask_chest.schema import FIELDS, SCHEMA_VERSION
from flask_chest_clickhouse import expiry, variables
from flask_chest_clickhouse.connection import identifier, quoted

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig

_MISSING: Final = "'\\0'"
"""Default of a text. No record has it, so the constraint refuses a record without the field."""

_LAST: Final = "'2299-12-31 00:00:00'"
"""Default of a moment, and the end of what a `DateTime64` can have."""

_FIRST: Final = "'1900-01-02 00:00:00'"
"""An earlier moment becomes one of the day before."""

COLUMNS: Final = {
    "id": "UUID CODEC(ZSTD(1))",
    "request_id": f"String DEFAULT {_MISSING} CODEC(ZSTD(1))",
    "trace_id": "Nullable(String) CODEC(ZSTD(1))",
    "service": f"LowCardinality(String) DEFAULT {_MISSING}",
    "instance": f"String DEFAULT {_MISSING} CODEC(ZSTD(1))",
    "endpoint": "LowCardinality(Nullable(String))",
    "route": "LowCardinality(Nullable(String))",
    "method": f"LowCardinality(String) DEFAULT {_MISSING}",
    "path": f"String DEFAULT {_MISSING} CODEC(ZSTD(1))",
    "status_code": "Nullable(Int16)",
    "error": "LowCardinality(Nullable(String))",
    "started_at": f"DateTime64(6, 'UTC') DEFAULT {_LAST} CODEC(Delta, ZSTD(1))",
    "duration_ms": "Float64 DEFAULT nan CODEC(ZSTD(1))",
    "weight": "Float64 DEFAULT nan CODEC(ZSTD(1))",
    "variables": "String CODEC(ZSTD(1))",
}
"""The fields of a record. `variables` is the JSON of the record, as it is."""

_TYPE_ENDS: Final = re.compile(r" (?:DEFAULT|CODEC) ?")

KEPT: Final = "kept"
"""Of several rows with one ID, the one with the greatest number is kept: the first one inserted."""

_KEPT: Final = "UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6))"

ID_ORDER: Final = "toUInt128({})"
"""Has the order of IDs as texts. A UUID itself sorts by its second half first in ClickHouse."""

KEY: Final = ("started_at", ID_ORDER.format("id"))
"""The order of the records."""

SEARCHED: Final = ("id", "request_id", "trace_id")
"""Fields with a Bloom filter, as each of their values is in few records."""

_RANGES: Final = {"id_range": ID_ORDER.format("id"), "request_id_range": "request_id"}
"""Indexes of the least and the greatest. An ID that sorts by time is in one range, so that one
Bloom filter is read: those of 3,000,000 request IDs have 5.7 MB, the ranges 15 KB."""

_CHECKS: Final = {
    "whole": " AND ".join(
        [
            "id != toUUID('00000000-0000-0000-0000-000000000000')",
            *(
                f"{name} != {_MISSING}"
                for name, column in COLUMNS.items()
                if f"DEFAULT {_MISSING}" in column
            ),
            "isFinite(duration_ms)",
            "isFinite(weight)",
        ]
    ),
    "dated": f"started_at >= {_FIRST} AND started_at < {_LAST}",
    "json": "startsWith(variables, '{') AND isValidJSON(variables)",
}
"""What each row satisfies. The server checks it, which costs the client nothing."""

_PARTITIONS: Final = {"day": "toYYYYMMDD(started_at)", "month": "toYYYYMM(started_at)"}

REMEMBERED_BATCHES: Final = 10_000
"""How many tokens of batches the server remembers. Behind them, the key has the ID."""

_VARIABLES: Final = """\
SELECT id AS record_id, request_id, started_at, endpoint, pair.1 AS name,
 multiIf(pair.2 = 'null', NULL, startsWith(pair.2, '"'), JSONExtractString(pair.2), pair.2) AS value
FROM {records} FINAL ARRAY JOIN JSONExtractKeysAndValuesRaw(variables) AS pair"""


@dataclass(frozen=True)
class Names:
    """The names of the tables and of the view, quoted where they stand in a statement.

    Attributes:
        prefix: What they begin with.
        is_sharded: Whether `records` is a `Distributed` table above `stored`.
    """

    prefix: str
    is_sharded: bool

    @property
    def schema(self) -> str:
        """The table with the version."""
        return f"{self.prefix}schema"

    @property
    def records(self) -> str:
        """The table that is read and inserted into."""
        return f"{self.prefix}records"

    @property
    def stored(self) -> str:
        """The table that has the records of this server: deletions and indexes are its."""
        return f"{self.prefix}records_local" if self.is_sharded else self.records

    @property
    def variables(self) -> str:
        """The view with one row for each variable."""
        return f"{self.prefix}variables"


def names_of(config: ClickHouseConfig) -> Names:
    """Return the names of the tables of a configuration."""
    return Names(config.table_prefix, config.sharded)


@dataclass(frozen=True)
class Statement:
    """A statement that creates something, and what: ``the table chest_records``."""

    name: str
    what: str
    sql: str


def creation(config: ClickHouseConfig, retention: timedelta | None) -> list[Statement]:
    """Return the statements that create the tables and the view, in their order."""
    names = names_of(config)
    made = [
        _table(
            config,
            names.schema,
            "version Int32",
            engine_of(config, "MergeTree"),
            "ORDER BY tuple()",
        ),
        _table(
            config,
            names.stored,
            _columns(names),
            engine_of(config, "ReplacingMergeTree", KEPT),
            f"PARTITION BY {_PARTITIONS[config.partition_by]}\nORDER BY ({', '.join(KEY)})\n"
            f"{expiry.clause(retention)}SETTINGS {_table_settings(config)}",
        ),
    ]
    if config.sharded:
        made.append(_distributed(config, names))
    return [*made, _view(config)]


def version(config: ClickHouseConfig) -> str:
    """Return the statement that writes the version of the schema."""
    table = identifier(names_of(config).schema)
    return f"INSERT INTO {table} (version) VALUES ({SCHEMA_VERSION})"


def _view(config: ClickHouseConfig) -> Statement:
    names = names_of(config)
    view = f"{identifier(names.variables)}{on_cluster(config)}"
    select = _VARIABLES.format(records=identifier(names.records))
    sql = f"CREATE VIEW IF NOT EXISTS {view} AS\n{select}"
    return Statement(names.variables, f"the view {names.variables}", sql)


def replacement(config: ClickHouseConfig) -> str:
    """Return the statement that replaces the view. It takes the privilege to drop one."""
    return _view(config).sql.replace("CREATE VIEW IF NOT EXISTS", "CREATE OR REPLACE VIEW", 1)


def stored(config: ClickHouseConfig) -> str:
    """Return the table of the records of each server, as it stands after ALTER TABLE."""
    return f"{identifier(names_of(config).stored)}{on_cluster(config)}"


def on_cluster(config: ClickHouseConfig) -> str:
    """Return the clause by which a statement reaches all servers of the cluster."""
    return "" if config.cluster is None else f" ON CLUSTER {identifier(config.cluster)}"


def _columns(names: Names) -> str:
    parts = [columns().values(), indexes(names.prefix).values(), checks(names.prefix).values()]
    return ",\n ".join(line for lines in parts for line in lines)


def columns() -> dict[str, str]:
    """Return the definition of each column, by its name."""
    return {
        **{name: f"{name} {kind}" for name, kind in COLUMNS.items()},
        **{column.name: column.ddl for column in variables.COLUMNS},
        KEPT: f"{KEPT} {_KEPT}",
    }


def types() -> dict[str, str]:
    """Return the type of each column, as the server shows it."""
    found = {name: _TYPE_ENDS.split(kind)[0] for name, kind in COLUMNS.items()}
    return {**found, **{column.name: column.type for column in variables.COLUMNS}, KEPT: "UInt64"}


def indexes(prefix: str) -> dict[str, str]:
    """Return the definition of each skipping index, by its name."""
    found = {name: f"{name} TYPE bloom_filter(0.001)" for name in SEARCHED}
    found |= {name: f"{of} TYPE minmax" for name, of in _RANGES.items()}
    return {
        f"{prefix}{name}": f"INDEX {identifier(f'{prefix}{name}')} {of} GRANULARITY 1"
        for name, of in found.items()
    }


def checks(prefix: str) -> dict[str, str]:
    """Return the definition of each constraint, by its name."""
    return {
        constraint(prefix, name): f"CONSTRAINT {identifier(constraint(prefix, name))} CHECK {check}"
        for name, check in _CHECKS.items()
    }


def constraint(prefix: str, name: str = "") -> str:
    """Return the name of a constraint of ours; what it begins with when `name` is empty."""
    return f"{prefix}is_{name}"


def _table_settings(config: ClickHouseConfig) -> str:
    return f"{window(config)} = {REMEMBERED_BATCHES}, ttl_only_drop_parts = 1"


def window(config: ClickHouseConfig) -> str:
    """Return the setting of a table that says how many tokens are remembered."""
    return f"{'' if config.replicated else 'non_'}replicated_deduplication_window"


def _table(config: ClickHouseConfig, name: str, columns: str, engine: str, rest: str) -> Statement:
    sql = (
        f"CREATE TABLE IF NOT EXISTS {identifier(name)}{on_cluster(config)} (\n {columns}\n)\n"
        f"ENGINE = {engine}\n{rest}"
    )
    return Statement(name, f"the table {name}", sql)


def engine_of(config: ClickHouseConfig, engine: str, argument: str = "") -> str:
    """Return the engine of a table as it stands in its statement, replicated or not."""
    arguments = [argument] if argument else []
    if config.replicated:
        engine = f"Replicated{engine}"
        if config.replica_path:
            arguments = [quoted(config.replica_path), quoted(config.replica_name), *arguments]
    return f"{engine}({', '.join(arguments)})"


def _distributed(config: ClickHouseConfig, names: Names) -> Statement:
    """Return the table above the shards. A record's ID says on which shard it is."""
    where = ", ".join((quoted(config.cluster or ""), quoted(config.database), quoted(names.stored)))
    sql = (
        f"CREATE TABLE IF NOT EXISTS {identifier(names.records)}{on_cluster(config)}"
        f" AS {identifier(names.stored)}\nENGINE = Distributed({where}, cityHash64(id))"
    )
    return Statement(names.records, f"the table {names.records}", sql)


def source(config: ClickHouseConfig) -> str:
    """Return the table to read, as it stands after FROM: each record once."""
    return f"{identifier(names_of(config).records)} FINAL"


def insertion(config: ClickHouseConfig) -> str:
    """Return the statement before the JSON lines of a batch."""
    columns = ", ".join(FIELDS)
    return f"INSERT INTO {identifier(names_of(config).records)} ({columns}) FORMAT JSONEachRow"

"""What differs between the tables that are there and ours, and what puts it right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_chest_clickhouse import ddl
from flask_chest_clickhouse.connection import identifier

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig
    from flask_chest_clickhouse.schema import Schema, Table


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        what: Such as ``the column kept``.
        text: What is wrong with it, as the end of a sentence: ``is missing``.
        statements: What puts it right; none where only a person can.
        remedy: What that person does.
    """

    what: str
    text: str
    statements: tuple[str, ...] = ()
    remedy: str = "Run `flask chest schema repair`"


def differences(
    schema: Schema, config: ClickHouseConfig, found: dict[str, Table]
) -> Iterator[Difference]:
    """Yield what differs in the tables that are there. `Schema.prepare` creates the others."""
    table = found.get(schema.names.stored)
    if table is None:
        return
    yield from _kind(table)
    yield from _columns(schema, config, table)
    yield from _parts(schema, config, table)
    yield from _window(config, table)


def _kind(table: Table) -> Iterator[Difference]:
    remedy = "Rename it, let Flask-Chest create its own, and copy the records"
    if "ReplacingMergeTree" not in table.engine:
        text = f"has the engine {table.engine}, which keeps repeated records"
        yield Difference(f"the table {table.name}", text, remedy=remedy)
    key = ", ".join(ddl.KEY)
    if table.sorting_key != key:
        text = f"is sorted by {table.sorting_key}, and not by {key}"
        yield Difference(f"the table {table.name}", text, remedy=remedy)


def _columns(schema: Schema, config: ClickHouseConfig, table: Table) -> Iterator[Difference]:
    known, wanted = schema.columns(table.name), ddl.types()
    for name, definition in ddl.columns().items():
        if name not in known:
            statement = _alter(config, table, f"ADD COLUMN IF NOT EXISTS {definition}")
            yield Difference(f"the column {name}", "is missing", (statement,))
        elif known[name] != wanted[name]:
            text = f"has the type {known[name]}, and not {wanted[name]}"
            yield Difference(f"the column {name}", text, remedy="Give it that type")


def _parts(schema: Schema, config: ClickHouseConfig, table: Table) -> Iterator[Difference]:
    """Yield the indexes and the constraints that are missing."""
    prefix, text = schema.names.prefix, table.create_table_query
    for name, definition in ddl.indexes(prefix).items():
        if not re.search(rf"INDEX `?{re.escape(name)}`? ", text):
            add = _alter(config, table, f"ADD {definition}")
            fill = _alter(config, table, f"MATERIALIZE INDEX {identifier(name)}")
            yield Difference(f"the index {name}", "is missing", (add, fill))
    for name, definition in ddl.checks(prefix).items():
        if not re.search(rf"CONSTRAINT `?{re.escape(name)}`? CHECK", text):
            add = _alter(config, table, f"ADD {definition}")
            yield Difference(f"the constraint {name}", "is missing", (add,))


def _window(config: ClickHouseConfig, table: Table) -> Iterator[Difference]:
    name = ddl.window(config)
    match = re.search(rf"\b{name} = (\d+)", table.create_table_query)
    if match is None or int(match[1]) < ddl.REMEMBERED_BATCHES:
        text = "lets the server remember fewer batches, so that a repeated one takes space"
        change = f"MODIFY SETTING {name} = {ddl.REMEMBERED_BATCHES}"
        yield Difference(f"the setting {name}", text, (_alter(config, table, change),))


def _alter(config: ClickHouseConfig, table: Table, change: str) -> str:
    return f"ALTER TABLE {identifier(table.name)}{ddl.on_cluster(config)} {change}"

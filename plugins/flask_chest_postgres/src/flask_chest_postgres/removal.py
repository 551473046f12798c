"""The statements that delete old records in short steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Table,
    delete,
    func,
    literal_column,
    select,
    text,
    tuple_,
)

from flask_chest_postgres.schema import qualified

_BLOCKS: Final = 128
"""Of one step: 1 MiB, which has some thousand records."""


def oldest(records: Table, before: datetime, limit: int) -> Delete:
    """Return the statement that deletes at most `limit` of the oldest records."""
    is_old = records.c.started_at < before
    key = list(records.primary_key.columns)
    ctid: ColumnElement[Any] = literal_column("ctid")
    is_partitioned = len(key) > 1  # a ctid is one of a partition
    some = (
        select(*(key if is_partitioned else [ctid]))
        .select_from(records)
        .where(is_old)
        .order_by(records.c.started_at)
        .limit(limit)
    )
    if is_partitioned:
        # The time once more, as it chooses the partitions.
        return delete(records).where(is_old, tuple_(*key).in_(some))
    return delete(records).where(ctid == func.any(func.array(some.scalar_subquery())))


_WITH_TID_RANGES: Final = (14,)


def can_read_blocks(connection: Connection) -> bool:
    """Return whether the server reads some blocks of a table without the others."""
    return (connection.dialect.server_version_info or ()) >= _WITH_TID_RANGES


def execute(connection: Connection, statement: Delete) -> int:
    """Run a deletion; return how many rows it deleted."""
    return connection.execute(statement).rowcount


def by_blocks(
    records: Table, before: datetime, run: Callable[[Callable[[Connection], int]], int]
) -> Iterator[Delete]:
    """Yield the statements that delete old records from some blocks each, through the table.

    Args:
        records: The table, which has no partitions.
        before: The moment.
        run: Runs a function in a transaction.
    """
    name = qualified(records).replace("%%", "%")
    size = text(
        "SELECT pg_relation_size(CAST(:name AS regclass)) / current_setting('block_size')::int"
    )
    blocks = run(lambda connection: int(connection.execute(size, {"name": name}).scalar_one()))
    for first in range(0, blocks, _BLOCKS):
        within = text(f"ctid >= '({first},0)'::tid AND ctid < '({first + _BLOCKS},0)'::tid")
        yield delete(records).where(within, records.c.started_at < before)

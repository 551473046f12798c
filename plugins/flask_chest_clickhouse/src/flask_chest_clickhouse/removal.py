"""Deletion: of some records by their IDs, and of old ones by whole partitions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final
from uuid import UUID

from flask_chest_clickhouse import ddl
from flask_chest_clickhouse.connection import Connection, quoted

if TYPE_CHECKING:
    from flask_chest.record import Record
    from flask_chest_clickhouse.config import ClickHouseConfig

_AT_ONCE: Final = 5_000
"""Records of one statement. It has the ID of each."""

_SETTINGS: Final = {"max_query_size": 1_048_576, "mutations_sync": 2}


class Removal:
    """Deletes from the tables of one store.

    Args:
        connection: To the server.
        config: Of the store.
    """

    def __init__(self, connection: Connection, config: ClickHouseConfig) -> None:
        self._connection = connection
        self._config = config
        self._source = ddl.source(config)
        self._stored = ddl.stored(config)

    def delete(self, records: Sequence[Record]) -> int:
        """Delete these records by their IDs; return how many were there."""
        deleted = 0
        for first in range(0, len(records), _AT_ONCE):
            some = records[first : first + _AT_ONCE]
            times = [record.started_at for record in some]
            ids = ", ".join(f"'{UUID(record.id)}'" for record in some)
            deleted += self._delete(
                # The times choose the parts that have them.
                f"started_at BETWEEN {moment(min(times))} AND {moment(max(times))}"
                f" AND id IN ({ids})"
            )
        return deleted

    def purge(self, before: datetime, progress: Callable[[int], None] | None) -> int:
        """Delete the records that started before a moment; return how many.

        Whole partitions are dropped, which takes no time. What is left is one deletion.
        """
        total = 0
        for partition, count in self._partitions_before(before).items():
            self._connection.ask(
                f"ALTER TABLE {self._stored} DROP PARTITION ID {quoted(partition)}"
            )
            total += count
            if count and progress is not None:
                progress(count)
        if deleted := self._delete(f"started_at < {moment(before)}"):
            total += deleted
            if progress is not None:
                progress(deleted)
        return total

    def _delete(self, condition: str) -> int:
        if count := self._count(condition):
            statement = f"DELETE FROM {self._stored} WHERE {condition}"
            self._connection.ask(statement, settings=_SETTINGS)
        return count

    def _count(self, condition: str) -> int:
        statement = f"SELECT count() FROM {self._source} WHERE {condition}"
        return int(self._connection.ask(statement, settings=_SETTINGS))

    def _partitions_before(self, before: datetime) -> dict[str, int]:
        """Return the partitions that end before a moment, the oldest first, with their records."""
        end = start_of_partition(before, self._config.partition_by)
        statement = (
            f"SELECT _partition_id, count() FROM {self._source} WHERE started_at < {moment(end)}"
            " GROUP BY _partition_id ORDER BY min(started_at) FORMAT JSONCompactEachRow"
        )
        answer = self._connection.ask(statement, settings=_SETTINGS)
        rows = [json.loads(line) for line in answer.splitlines()]
        return {str(partition): int(count) for partition, count in rows}


def start_of_partition(time: datetime, kind: str) -> datetime:
    """Return when the partition began that a moment is in.

    Args:
        time: The moment.
        kind: ``day`` or ``month``.
    """
    midnight = time.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if kind == "day" else midnight.replace(day=1)


def moment(time: datetime) -> str:
    """Return a moment as a literal of ClickHouse's SQL."""
    text = time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"toDateTime64('{text}', 6, 'UTC')"

"""The tables of the rollups: `chest_rollups`, and `chest_rollup_marks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_chest_clickhouse import ddl
from flask_chest_clickhouse.connection import identifier

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig

_REMEMBERED_CHANGES: Final = 1_000
"""How many changes back the server knows that a revision is taken."""

_FORGOTTEN_DAYS: Final = 7


class RollupTables:
    """The tables of the rollups of one database, on one server or replicated.

    A row of `rows` has all pages of a bucket, so that it replaces the row before it. A row without
    pages says that the bucket has none any more. The state is a row, too: of the series 0.

    Args:
        config: Of the store.
    """

    def __init__(self, config: ClickHouseConfig) -> None:
        self._config = config
        self.rows = f"{config.table_prefix}rollups"
        self.marks = f"{config.table_prefix}rollup_marks"

    @property
    def names(self) -> tuple[str, str]:
        """Names of both tables."""
        return self.rows, self.marks

    def creation(self) -> list[str]:
        """Return the statements that create them where they are missing."""
        kind = "replicated" if self._config.replicated else "non_replicated"
        window = f"{kind}_deduplication_window = {_REMEMBERED_CHANGES}"
        return [
            self._table(
                self.rows,
                "series UInt32,\n tier UInt32,\n bucket Int64,\n"
                " pages Array(String) CODEC(ZSTD(1)),\n revision UInt64",
                "revision",
                # A row may have 100 KB and more, and all rows of a granule are read.
                f"ORDER BY (series, tier, bucket)\nSETTINGS {window}, index_granularity = 16",
            ),
            self._table(
                self.marks,
                "minute Int64,\n id UUID DEFAULT generateUUIDv4(),\n is_forgotten UInt8 DEFAULT 0,"
                "\n written_at DateTime DEFAULT now()",
                "is_forgotten",
                f"ORDER BY (minute, id)\nTTL written_at + toIntervalDay({_FORGOTTEN_DAYS}) "
                "DELETE WHERE is_forgotten = 1",
            ),
        ]

    def dropping(self) -> list[str]:
        """Return the statements that drop both. The tokens of the changes are dropped with them."""
        cluster = ddl.on_cluster(self._config)
        return [f"DROP TABLE IF EXISTS {identifier(each)}{cluster} SYNC" for each in self.names]

    def _table(self, name: str, columns: str, version: str, rest: str) -> str:
        family = "Replicated" if self._config.replicated else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {identifier(name)}{ddl.on_cluster(self._config)} (\n"
            f" {columns}\n)\nENGINE = {family}ReplacingMergeTree({version})\n{rest}"
        )

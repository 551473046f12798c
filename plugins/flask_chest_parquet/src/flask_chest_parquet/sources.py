"""`Sources`: the files of a lake as tables of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from flask_chest.errors import ExporterUnavailable
from flask_chest_parquet import variables
from flask_chest_parquet.decode import Decoder
from flask_chest_parquet.layout import COLUMNS, PARTITION
from flask_chest_parquet.queries import Files
from flask_chest_parquet.scanning import LakeDataset
from flask_chest_parquet.schema import FIELDS

if TYPE_CHECKING:
    import duckdb

    from flask_chest_parquet.config import ParquetConfig
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.manifest import LakeFile

_DAY_LENGTH: Final = len("2026-11-29")


class Source(NamedTuple):
    """Files that have the same columns.

    Attributes:
        files: For statements.
        decoder: Makes records of their rows.
    """

    files: Files
    decoder: Decoder


class _Known(NamedTuple):
    """What is known of the files with a tag."""

    schema: pa.Schema
    decoder: Decoder


class Sources:
    """Makes tables of files. Of all with the same typed columns, the schema of one is read.

    Args:
        lake: Where the files are.
        config: How S3 is reached.
    """

    def __init__(self, lake: Lake, config: ParquetConfig) -> None:
        self._lake = lake
        self._config = config
        self._known: dict[str, _Known] = {}

    def of(
        self,
        files: Sequence[LakeFile],
        cursor: duckdb.DuckDBPyConnection,
        faults: list[Exception],
    ) -> list[Source]:
        """Return files as tables that a connection can read.

        Args:
            files: The files.
            cursor: The connection.
            faults: Gets why files cannot be read while the connection reads them.

        Raises:
            Gone: One was deleted meanwhile.
            ExporterUnavailable: The lake does not know a column of theirs.
        """
        by_tag: dict[str, list[LakeFile]] = {}
        for file in files:
            by_tag.setdefault(file.tag, []).append(file)
        found = []
        for tag, same in by_tag.items():
            known = self._of_tag(tag, same[0])
            relation = self._relation(f"files_{tag}", same, known.schema, cursor, faults)
            files_of_tag = Files(frozenset(known.schema.names), relation)
            found.append(Source(files_of_tag, known.decoder))
        return found

    def _of_tag(self, tag: str, file: LakeFile) -> _Known:
        if tag not in self._known:
            with self._lake.objects.reader(file.key) as content:
                schema = pq.read_schema(content)
            names = frozenset(schema.names)
            # The lake knows a column before a file has it.
            typed = [column for column in self._lake.columns() if column.name in names]
            if lost := names.difference(FIELDS.names, (column.name for column in typed)):
                raise ExporterUnavailable(
                    f"{self._lake.location}: nothing says which variable the column "
                    f"{min(lost)} is of. Restore {COLUMNS}{min(lost)}.json from a backup"
                )
            self._known[tag] = _Known(schema, Decoder(typed))
        return self._known[tag]

    def corrupt(self, files: Sequence[LakeFile]) -> str | None:
        """Return the key of a file that is no Parquet file; None when all are, as far as is known.

        Raises:
            Gone: One was deleted meanwhile.
        """
        for file in files:
            with self._lake.objects.reader(file.key) as content:
                try:
                    pq.read_schema(content)
                except (pa.ArrowException, OSError):
                    return file.key
        return None

    def _relation(
        self,
        name: str,
        files: Sequence[LakeFile],
        schema: pa.Schema,
        cursor: duckdb.DuckDBPyConnection,
        faults: list[Exception],
    ) -> str:
        addresses = [self._lake.objects.address(file.key) for file in files]
        if self._config.bucket is None and _is_plain(addresses[0]):
            listed = ", ".join(map(variables.text, addresses))
            # Not Hive's columns: a folder above the lake may be called `route=…`, too.
            day = len(addresses[0]) - len(files[0].key) + len(PARTITION) + 1
            return (
                f"(SELECT *, substr(filename, {day}, {_DAY_LENGTH}) AS day FROM "
                f"read_parquet([{listed}], hive_partitioning = false, filename = true))"
            )
        # DuckDB has no S3 of its own without an extension, which it would download. And it takes
        # `*` in the name of a folder for a pattern, and no name that is not UTF-8.
        cursor.register(name, LakeDataset(self._lake.objects, files, schema, faults))
        return name


def _is_plain(path: str) -> bool:
    """Return whether DuckDB finds this one file by its path."""
    return not set(path) & set("*?[") and path.isprintable()

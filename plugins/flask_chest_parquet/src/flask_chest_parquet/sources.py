"""`Sources`: the files of a lake as tables of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow.parquet as pq
from pyarrow import dataset
from pyarrow.fs import PyFileSystem

from flask_chest_parquet import variables
from flask_chest_parquet.decode import Decoder
from flask_chest_parquet.objects_handler import ObjectsHandler
from flask_chest_parquet.queries import Files

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from flask_chest_parquet.config import ParquetConfig
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.manifest import LakeFile

_PARQUET: Final = dataset.ParquetFileFormat()


class Source(NamedTuple):
    """Files that have the same columns.

    Attributes:
        files: For statements.
        decoder: Makes records of their rows.
    """

    files: Files
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
        self._schemas: dict[str, pa.Schema] = {}
        self._system = PyFileSystem(ObjectsHandler(lake.objects))

    def of(self, files: Sequence[LakeFile], cursor: duckdb.DuckDBPyConnection) -> list[Source]:
        """Return files as tables that a connection can read.

        Raises:
            Gone: One was deleted meanwhile.
        """
        by_tag: dict[str, list[LakeFile]] = {}
        for file in files:
            by_tag.setdefault(file.tag, []).append(file)
        found = []
        for tag, same in by_tag.items():
            schema = self._schema(tag, same[0])
            columns = frozenset(schema.names)
            typed = [column for column in self._lake.columns() if column.name in columns]
            relation = self._relation(f"files_{tag}", same, schema, cursor)
            found.append(Source(Files(columns, relation), Decoder(typed)))
        return found

    def _schema(self, tag: str, file: LakeFile) -> pa.Schema:
        if tag not in self._schemas:
            with self._lake.objects.reader(file.key) as content:
                self._schemas[tag] = pq.read_schema(content)
        return self._schemas[tag]

    def _relation(
        self,
        name: str,
        files: Sequence[LakeFile],
        schema: pa.Schema,
        cursor: duckdb.DuckDBPyConnection,
    ) -> str:
        if self._config.bucket is None:
            addresses = (self._lake.objects.address(file.key) for file in files)
            listed = ", ".join(map(variables.text, addresses))
            return f"read_parquet([{listed}], hive_partitioning = false)"
        # DuckDB has no S3 of its own without an extension, which it would download.
        keys = [file.key for file in files]
        found = dataset.FileSystemDataset.from_paths(
            keys, schema=schema, format=_PARQUET, filesystem=self._system
        )
        cursor.register(name, found)
        return name

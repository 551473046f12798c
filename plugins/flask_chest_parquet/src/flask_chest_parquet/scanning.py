"""`LakeDataset`: files that DuckDB reads through Python, without standing still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import dataset
from pyarrow.fs import PyFileSystem

from flask_chest_parquet.layout import PARTITION
from flask_chest_parquet.objects_handler import ObjectsHandler

if TYPE_CHECKING:
    from flask_chest_parquet.manifest import LakeFile
    from flask_chest_parquet.objects import Objects

_DAY: Final = pa.field(PARTITION.rstrip("="), pa.string())
"""What the names of the folders say."""

_FORMAT: Final = dataset.ParquetFileFormat()
_MOST: Final = 131_072
"""Rows of the files that are read together. Of a larger file, a row group is."""


class LakeDataset(dataset.FileSystemDataset):  # type: ignore[misc] # pyarrow has no types
    """Files of a lake with the same columns, of which Arrow reads a part at a time.

    Arrow can scan them at once. But DuckDB starts its scan with Python's lock held, and the scan
    has locks of its own, which its threads hold while they wait for Python's lock to open the next
    file. So the process may stand still for ever.

    Args:
        objects: Where the files are.
        files: The files.
        schema: Of the files.
        faults: Gets why they cannot be read. With one of them in it, what was read must not be
            used.
    """

    def __init__(
        self,
        objects: Objects,
        files: Sequence[LakeFile],
        schema: pa.Schema,
        faults: list[Exception],
    ) -> None:
        system = PyFileSystem(ObjectsHandler(objects, faults))
        fragments = [
            _FORMAT.make_fragment(
                file.key, system, dataset.field(_DAY.name) == file.day.isoformat()
            )
            for file in files
        ]
        self._system = system
        super().__init__(fragments, schema.append(_DAY), _FORMAT, system)
        self.rows = {file.key: file.rows for file in files}
        self.faults = faults

    def of(self, fragments: Sequence[Any]) -> dataset.FileSystemDataset:
        """Return some of the files, as Arrow has them."""
        return dataset.FileSystemDataset(fragments, self.schema, _FORMAT, self._system)

    def scanner(self, **wanted: Any) -> _Scan:  # noqa: ANN401 - as DuckDB calls it
        """Return what reads some columns of the rows that satisfy a filter."""
        return _Scan(self, wanted.get("columns"), wanted.get("filter"))


class _Scan:
    """Reads some columns of the rows that satisfy a filter.

    Args:
        lake: The files.
        columns: Names; None for all.
        where: The filter, an expression of Arrow's; None for all rows.
    """

    def __init__(self, lake: LakeDataset, columns: list[str] | None, where: Any) -> None:  # noqa: ANN401 - has no types
        self._lake = lake
        self._where = where
        names = lake.schema.names if columns is None else columns
        self.projected_schema = pa.schema([lake.schema.field(name) for name in names])

    def to_reader(self) -> pa.RecordBatchReader:
        """Return a reader, which has read nothing yet."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for part in self._parts():
                # This gives Python's lock back, and has all of its threads to itself.
                table = part.to_table(columns=self.projected_schema.names, filter=self._where)
                yield from table.to_batches()
        except Exception as error:  # noqa: BLE001 - raised by who asked, see `ObjectsHandler`
            self._lake.faults.append(error)

    def _parts(self) -> Iterator[Any]:
        """Yield some files, or a row group of a large one, without those that have no such rows."""
        some: list[Any] = []
        rows = 0
        for fragment in self._lake.get_fragments(self._where):
            more = self._lake.rows[fragment.path]
            if some and rows + more > _MOST:
                yield self._lake.of(some)
                some, rows = [], 0
            if more > _MOST:
                for group in fragment.split_by_row_group(self._where, self._lake.schema):
                    yield self._lake.of([group])
            else:
                some.append(fragment)
                rows += more
        if some:
            yield self._lake.of(some)

"""`Writer`: batches as files, each record once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from flask_chest.errors import BatchRejected, ExporterUnavailable
from flask_chest_parquet import encode, files
from flask_chest_parquet.layout import MIXED, BatchName, day_folder
from flask_chest_parquet.objects import Gone

if TYPE_CHECKING:
    from flask_chest.exporter import Batch
    from flask_chest_parquet.lake import Lake
    from flask_chest_parquet.manifest import LakeFile
    from flask_chest_parquet.schema import Column

_ATTEMPTS: Final = 5
_KNOWN: Final = 8
"""Of so many files, the IDs are remembered: the next batch overlaps with the last ones."""


class Writer:
    """Writes batches to a lake.

    A batch has one file for each day, whose name has the token of the batch. So another attempt at
    it finds its files. A record that was in another batch, or in a batch whose files were rewritten
    since, is found by its ID: among the files of its host that may have it.

    Args:
        lake: The lake.
        typed: Typed columns of the files.
        delta: As for `files.to_bytes`.
    """

    def __init__(self, lake: Lake, typed: Sequence[Column], *, delta: bool) -> None:
        self._lake = lake
        self.typed = typed
        self._delta = delta
        self._ids: OrderedDict[str, list[pa.Array]] = OrderedDict()

    def write(self, batch: Batch) -> None:
        """Store a batch, except the records that are there already.

        Raises:
            ExporterUnavailable: The lake cannot take it now.
            BatchRejected: A record is malformed.
        """
        try:
            found = encode.parts(batch, self.typed)
        except ValueError as error:
            raise BatchRejected(str(error)) from error
        self._lake.register(self.typed)
        for part in found:
            name = part.name(batch.token)
            # Two batches of one host at once, with a record in common, must know of each other.
            with self._lake.objects.lock(f"write-{name.writer}", batch.token):
                self._put(part, name)

    def _put(self, part: encode.Part, name: BatchName) -> None:
        for _ in range(_ATTEMPTS):
            try:
                table, token = self._new(part, name)
            except Gone:  # a file was compacted before its IDs were read
                continue
            if table.num_rows:
                key = f"{day_folder(part.day)}{encode.Part(part.day, table).name(token)}"
                self._lake.objects.create(key, self._to_bytes(table))
                self._remember(key, table["id"].chunks)
            return
        raise ExporterUnavailable(f"{self._lake.location}: files change faster than they are read")

    def _to_bytes(self, table: pa.Table) -> bytes:
        row_group = self._lake.objects.row_group
        return files.to_bytes(table, row_group=row_group, delta=self._delta)

    def _new(self, part: encode.Part, name: BatchName) -> tuple[pa.Table, str]:
        """Return the records that are not there, and the token of their file."""
        prefixes = [""] if name.writer == MIXED else [f"{name.writer}-", f"{MIXED}-"]
        manifest, live = self._lake.live_of(part.day, [f"b-{prefix}" for prefix in prefixes])
        if not live and not manifest.number:  # a new day, or a lake that was deleted
            self._lake.restore(self.typed)
        token = name.token
        same = [file for file in live if file.batch is not None and file.batch.token == token]
        if any(file.rows == part.table.num_rows for file in same):
            return part.table.slice(0, 0), token
        if same or token in manifest.gone:
            # A file of that name is there, or would not count; some of its records may be erased.
            token = hashlib.sha256(f"{token} {manifest.number}".encode()).hexdigest()[:32]
        span = pc.min_max(part.table["id"]).as_py()
        chunks = [
            chunk
            for file in live
            if file.may_have(span["min"], span["max"])
            for chunk in self._ids_of(file, span["min"], span["max"])
        ]
        if not chunks:
            return part.table, token
        stored = pc.is_in(part.table["id"], value_set=pa.chunked_array(chunks, pa.string()))
        return part.table.filter(pc.invert(stored)), token

    def _ids_of(self, file: LakeFile, low: str, high: str) -> Iterable[pa.Array]:
        known = self._ids.get(file.key)
        if known is not None:
            return known
        with self._lake.objects.reader(file.key) as opened:
            if file.compacted is not None:  # large
                return files.ids_between(opened, low, high)
            found: list[pa.Array] = files.read_table(opened, ["id"])["id"].chunks
        self._remember(file.key, found)
        return found

    def _remember(self, key: str, ids: list[pa.Array]) -> None:
        self._ids[key] = ids
        while len(self._ids) > _KNOWN:
            self._ids.popitem(last=False)

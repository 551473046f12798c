"""`rewrite`: put other files in the place of some of a day, at one moment for all readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from flask_chest_parquet import files
from flask_chest_parquet.layout import (
    BatchName,
    compacted_name,
    compacted_parts,
    day_folder,
    manifest_key,
    manifest_number,
    manifests,
)
from flask_chest_parquet.manifest import Compacted, LakeFile, Manifest
from flask_chest_parquet.schema import FIELDS, ORDER, Column, file_schema, tag_of
from flask_chest_parquet.shred import shred

if TYPE_CHECKING:
    from datetime import date

    from flask_chest_parquet.lake import Lake

_KEPT_MANIFESTS: Final = 5
"""The last ones of a day: readers may be about to read one that is no longer the newest."""


@dataclass(frozen=True)
class Rewriter:
    """Rewrites files of a lake.

    Args:
        lake: The lake.
        typed: Typed columns that new files have, besides those of the files that they replace.
        delta: As for `files.to_bytes`.
    """

    lake: Lake
    typed: Sequence[Column]
    delta: bool

    def rewrite(
        self,
        manifest: Manifest,
        replaced: Sequence[LakeFile],
        keep: Callable[[pa.Table], pa.Table] = lambda table: table,
    ) -> int | None:
        """Put one file in the place of others, and delete these.

        Args:
            manifest: The newest manifest of their day, read after the files were listed.
            replaced: The files.
            keep: Returns the rows to keep of a table.

        Returns:
            Number of rows that were not kept. None when another writer has changed the day: then
            nothing was done.

        Raises:
            Gone: A file was replaced by another writer.
        """
        if not all(_counts(manifest, file) for file in replaced):
            return None
        tables = [self.read(file) for file in replaced]
        table = self._joined(tables)
        kept = keep(table)
        removed: int = table.num_rows - kept.num_rows
        made: list[Compacted] = []
        if kept.num_rows:
            made = [self._write(manifest, kept.sort_by(list(ORDER)))]
        if not self._replace(manifest, replaced, made):
            return None
        return removed

    def drop(self, manifest: Manifest, replaced: Sequence[LakeFile]) -> bool:
        """Delete files with all their records; return whether no other writer was faster."""
        return self._replace(manifest, replaced, [])

    def sweep(self, day: date) -> int:
        """Delete the files of a day that do not count, as a killed process leaves them.

        Returns:
            Number of files.
        """
        folder = day_folder(day)
        listed = list(self.lake.objects.list(folder))
        manifest = self.lake.manifest(day)
        numbers = {found.key: _number(found.key.removeprefix(folder)) for found in listed}
        if any(number is not None and number > manifest.number for number in numbers.values()):
            # Another process may still commit that file, unless its number is taken.
            manifest = manifest.followed_by(manifest.files, manifest.gone)
            if not self.lake.commit(manifest):
                return 0
        live = {file.key for file in self.lake.live_among(day, listed, manifest)}
        swept = [key for key, number in numbers.items() if number is not None and key not in live]
        for key in swept:
            self.lake.objects.delete(key)
        self._forget(manifest)
        return len(swept)

    def sweep_unfinished(self, day: date) -> int:
        """Delete the files of a day that killed processes have begun alone; return how many."""
        folder = day_folder(day)
        return self.lake.objects.delete_unfinished(
            folder, lambda key: _number(key.removeprefix(folder)) is not None
        )

    # -- Steps ---------------------------------------------------------------------------------

    def read(self, file: LakeFile) -> pa.Table:
        """Return the rows of a file.

        Raises:
            Gone: It was replaced by another writer.
        """
        with self.lake.objects.reader(file.key) as opened:
            return files.read_table(opened)

    def _joined(self, tables: Sequence[pa.Table]) -> pa.Table:
        """Return the rows of all tables, with all typed columns that one of them has."""
        names = {name for table in tables for name in table.column_names[len(FIELDS) :]}
        known = {column.name: column for column in self.lake.columns()}
        known.update((column.name, column) for column in self.typed)
        wanted = [known[name] for name in sorted(names | {c.name for c in self.typed})]
        return pa.concat_tables([_with_columns(table, wanted) for table in tables])

    def _write(self, manifest: Manifest, table: pa.Table) -> Compacted:
        row_group = self.lake.objects.row_group
        content = files.to_bytes(table, row_group=row_group, delta=self.delta, is_last=True)
        tag = tag_of(table.column_names[len(FIELDS) :])
        name = compacted_name(manifest.number + 1, tag, content)
        self.lake.objects.create(day_folder(manifest.day) + name, content)
        ids = pc.min_max(table["id"]).as_py()
        return Compacted(name, table.num_rows, len(content), ids["min"], ids["max"])

    def _replace(
        self, manifest: Manifest, replaced: Iterable[LakeFile], made: Sequence[Compacted]
    ) -> bool:
        old = {file.name for file in replaced if file.compacted is not None}
        tokens = {file.batch.token for file in replaced if file.batch is not None}
        kept = (file for file in manifest.files if file.name not in old)
        new = manifest.followed_by((*kept, *made), manifest.gone | tokens)
        if not self.lake.commit(new):
            self.sweep(manifest.day)  # what was written in vain
            return False
        # Readers that listed them before list again when one is not there.
        for file in replaced:
            self.lake.objects.delete(file.key)
        self._forget(new)
        return True

    def _forget(self, manifest: Manifest) -> None:
        """Delete old manifests."""
        prefix = manifests(manifest.day)
        for found in self.lake.objects.list(prefix):
            number = manifest_number(found.key.removeprefix(prefix))
            if number is not None and number <= manifest.number - _KEPT_MANIFESTS:
                self.lake.objects.delete(manifest_key(manifest.day, number))


def _counts(manifest: Manifest, file: LakeFile) -> bool:
    """Return whether the records of a file that was listed count yet."""
    if file.batch is not None:
        return file.batch.token not in manifest.gone
    return file.compacted in manifest.files


def _number(name: str) -> int | None:
    """Return which manifest a file belongs to, 0 for that of a batch; None for a foreign one."""
    parts = compacted_parts(name)
    if parts is not None:
        return parts[0]
    return None if BatchName.of(name) is None else 0


def _with_columns(table: pa.Table, wanted: Sequence[Column]) -> pa.Table:
    """Return a table with all typed columns that are wanted."""
    missing = [column for column in wanted if column.name not in table.column_names]
    if missing:
        table = _with_missing(table, missing)
    return table.select(file_schema(wanted).names).cast(file_schema(wanted))


def _with_missing(table: pa.Table, missing: Sequence[Column]) -> pa.Table:
    """Return a table with typed columns that it lacks, whose values are in `variables` yet."""
    variables: list[dict[str, Any]] = [
        {} if text == "{}" else from_json(text) for text in table["variables"].to_pylist()
    ]
    columns, texts, leftover = shred(variables, missing)
    leftover = pc.or_(table["leftover"], leftover)
    for name, column in (("variables", texts), ("leftover", leftover)):
        table = table.set_column(table.column_names.index(name), FIELDS.field(name), column)
    for column, array in zip(missing, columns, strict=True):
        table = table.append_column(column.field, array)
    return table

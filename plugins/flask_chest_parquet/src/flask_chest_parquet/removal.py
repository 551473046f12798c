"""Deletion of records: those of a page, those before a moment, and those of a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from flask_chest.errors import ExporterUnavailable
from flask_chest_parquet.manifest import LakeFile, Manifest
from flask_chest_parquet.objects import Gone

if TYPE_CHECKING:
    from flask_chest.record import Record
    from flask_chest_parquet.rewriting import Rewriter

_ATTEMPTS: Final = 20


def delete(rewriter: Rewriter, records: Sequence[Record]) -> int:
    """Delete these records; return how many were there."""
    by_day: dict[date, list[str]] = {}
    for record in records:
        by_day.setdefault(record.started_at.astimezone(timezone.utc).date(), []).append(record.id)
    return sum(delete_ids(rewriter, day, ids) for day, ids in by_day.items())


def delete_ids(rewriter: Rewriter, day: date, ids: Iterable[str]) -> int:
    """Delete the records of a day with these IDs; return how many were there."""
    meant = pa.array(sorted(ids), pa.string())
    if not len(meant):
        return 0
    low, high = meant[0].as_py(), meant[-1].as_py()

    def keep(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.is_in(table["id"], value_set=meant)))

    def has_some(file: LakeFile) -> bool:
        return file.may_have(low, high)

    return sum(_rewrite_day(rewriter, day, has_some, keep))


def purge(
    rewriter: Rewriter, before: datetime, progress: Callable[[int], None] | None = None
) -> int:
    """Delete the records that started before `before`, a day at a time; return the number."""
    before = before.astimezone(timezone.utc)
    total = 0
    for day in rewriter.lake.days():
        if day > before.date():
            break
        if day == before.date():
            steps = _purge_part(rewriter, day, before)
        else:
            steps = _purge_whole(rewriter, day)
        for deleted in steps:
            total += deleted
            if deleted and progress is not None:
                progress(deleted)
    return total


def _purge_whole(rewriter: Rewriter, day: date) -> Iterator[int]:
    for _ in range(_ATTEMPTS):
        manifest, live = rewriter.lake.live_of(day)
        if not live or rewriter.drop(manifest, live):
            rewriter.sweep(day)
            yield sum(file.rows for file in live)
            return
    raise _too_busy(rewriter)


def _purge_part(rewriter: Rewriter, day: date, before: datetime) -> Iterator[int]:
    moment = pa.scalar(before, pa.timestamp("us", tz="UTC"))

    def keep(table: pa.Table) -> pa.Table:
        return table.filter(pc.greater_equal(table["started_at"], moment))

    return _rewrite_day(rewriter, day, lambda _: True, keep)


def _rewrite_day(
    rewriter: Rewriter,
    day: date,
    has_some: Callable[[LakeFile], bool],
    keep: Callable[[pa.Table], pa.Table],
) -> Iterator[int]:
    """Rewrite each file of a day that loses rows; yield how many it lost."""
    done: set[str] = set()
    for _ in range(_ATTEMPTS):
        manifest, live = rewriter.lake.live_of(day)
        todo = [file for file in live if file.name not in done and has_some(file)]
        if not todo:
            return
        for file in todo:
            try:
                removed = _rewrite_if_needed(rewriter, manifest, file, keep)
            except Gone:
                break  # another process has rewritten it: look again
            if removed is None:
                break
            done.add(file.name)
            yield removed
            if removed:
                manifest = rewriter.lake.manifest(day)
    raise _too_busy(rewriter)


def _rewrite_if_needed(
    rewriter: Rewriter,
    manifest: Manifest,
    file: LakeFile,
    keep: Callable[[pa.Table], pa.Table],
) -> int | None:
    table = rewriter.read(file)
    if keep(table).num_rows == table.num_rows:
        return 0
    return rewriter.rewrite(manifest, [file], keep)


def _too_busy(rewriter: Rewriter) -> ExporterUnavailable:
    return ExporterUnavailable(
        f"{rewriter.lake.location}: other processes rewrite the same day all the time. Try again"
    )

"""Copies records from one store to another, or to any exporter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from flask_chest.exporter import Exporter
from flask_chest.record import Record
from flask_chest.settings.destination import destination
from flask_chest.store import Position, Store
from flask_chest.upkeep.bookmark import Bookmark, Intent
from flask_chest.upkeep.sending import OnRejected, Sending

_PAGE: Final = 1_000
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST: Final = datetime.max.replace(tzinfo=timezone.utc) - _MICROSECOND

__all__ = [
    "CopyReport",
    "copy",
]


@dataclass(frozen=True)
class CopyReport:
    """What a copy did.

    Attributes:
        copied: Number of records that were written, also of those that were withdrawn.
        present: Number of records that the target had already.
        rejected: Number of records that the target refused, also in the runs before of a copy that
            was resumed; they are only in the source.
        withdrawn: Number of records that left the source while they were copied, by an erasure or
            a purge, and were deleted in the target again.
        unreadable: Number of records that could not be read, also in the runs before; they are only
            in the source. What this instance of it had met earlier counts as well.
    """

    copied: int
    present: int
    rejected: int
    withdrawn: int
    unreadable: int = 0


def copy(
    source: Store,
    target: Exporter,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    resume: Path | None = None,
    progress: Callable[[int], None] | None = None,
    rejected: OnRejected | None = None,
) -> CopyReport:
    """Copy the records of a store, the oldest first, a page at a time.

    A record that the target has is not written again, so a copy can be repeated at any time. What
    leaves the source meanwhile, by an erasure, is deleted in the target, if that is a store. What
    arrives behind the position of the copy is left to the next one.

    Args:
        source: An open store.
        target: An open exporter.
        since: Records that started before are left out; an aware datetime. A copy that goes on does
            so at its position.
        until: Records that started at this moment or later are left out; an aware datetime.
        resume: File of the position. When it exists, the copy goes on there; it is deleted in the
            end. Without it, what `kill -9` interrupts begins anew, and a record that was erased in
            that moment may stay in the target.
        progress: Called after each page with the number of records that it had. What it raises ends
            the copy, which can be resumed.
        rejected: Called for each record that the target refuses. All of them are counted and
            logged.

    Raises:
        ConfigurationError: `resume` is the file of another copy.
        ExporterUnavailable: One of the two cannot be reached now. The copy can be resumed.
        OSError: The file of the position cannot be read or written.
    """
    bookmark = Bookmark(resume, f"{destination(source)} -> {destination(target)}")
    run = _Copy(source, target, bookmark, rejected)
    run.recover()
    if bookmark.after is None and since is not None:
        bookmark.after = since, ""
    while page := source.page(after=bookmark.after, until=until, limit=_PAGE):
        run.copy(page)
        if progress is not None:
            progress(len(page))
    bookmark.finish()
    rejected_in_all, unreadable = run.left_out()
    return CopyReport(run.sending.sent, run.present, rejected_in_all, run.withdrawn, unreadable)


class _Copy:
    """One run of a copy."""

    def __init__(
        self,
        source: Store,
        target: Exporter,
        bookmark: Bookmark,
        on_rejected: OnRejected | None,
    ) -> None:
        self._source = source
        # What cannot be read cannot be asked what it has, nor give anything back.
        self._readable = target if isinstance(target, Store) else None
        self._bookmark = bookmark
        self._before = bookmark.rejected, bookmark.unreadable
        self.sending = Sending(target, on_rejected, "copied")
        self.present = self.withdrawn = 0

    def copy(self, page: Sequence[Record]) -> None:
        """Copy a page, and move the bookmark past it."""
        last = _position(page[-1])
        present = self._ids(self._readable, self._bookmark.after, last)
        new = [record for record in page if record.id not in present]
        self.present += len(page) - len(new)
        if new:
            intent = self._intend(new, last)
            try:
                self.sending.send(new)
            except BaseException:  # also Ctrl-C: a part of the page may be written
                with contextlib.suppress(Exception):  # the next run finds the intent
                    self._withdraw(intent)
                raise
            self._withdraw(intent)
        self._bookmark.rejected, self._bookmark.unreadable = self.left_out()
        self._bookmark.passed(last)

    def left_out(self) -> tuple[int, int]:
        """Return how many records were refused, and could not be read, in all runs until now."""
        rejected, unreadable = self._before
        return rejected + self.sending.rejected, unreadable + self._source.unreadable

    def _intend(self, new: Sequence[Record], last: Position) -> Intent:
        ids = frozenset(record.id for record in new)
        if self._readable is not None:
            self._bookmark.begin(last, ids)
        return Intent(self._bookmark.after, last, ids)

    def recover(self) -> None:
        """Delete in the target what the run before wrote, but did not get to verify."""
        if self._bookmark.intent is not None:
            self._withdraw(self._bookmark.intent)

    def _withdraw(self, intent: Intent) -> None:
        """Delete in the target what the source does not have any more.

        It is looked at after it was written. So what is erased in the source later is in the target
        when the erasure looks there.
        """
        if self._readable is None:
            return
        gone = intent.ids - self._ids(self._source, intent.after, intent.last)
        if gone:
            for page in _pages(self._readable, intent.after, intent.last):
                meant = [record for record in page if record.id in gone]
                self.withdrawn += self._readable.delete(meant) if meant else 0

    @staticmethod
    def _ids(store: Store | None, after: Position | None, last: Position) -> set[str]:
        if store is None:
            return set()
        return {record.id for page in _pages(store, after, last) for record in page}


def _position(record: Record) -> Position:
    return record.started_at, record.id


def _pages(store: Store, after: Position | None, last: Position) -> Iterator[list[Record]]:
    """Yield the records of a store between two positions, the second of them included."""
    until = min(last[0], _LAST) + _MICROSECOND
    while page := store.page(after=after, until=until, limit=_PAGE):
        yield page
        after = _position(page[-1])

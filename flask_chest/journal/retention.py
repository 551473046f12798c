"""Deletes segments of the journal on disk: those that are delivered, and the oldest when full."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.in_use import exporter_of, names_in_use
from flask_chest.journal.locks import SharedLock
from flask_chest.journal.segment import UNFINISHED_SECONDS, Segment, delete_unfinished, segments
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.folder import Folder
    from flask_chest.journal.interface import WhenFull
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.quarantine import Quarantine
    from flask_chest.journal.reader import DiskReader
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class Retention:
    """Deletes segments: those that every exporter has passed, and the oldest above the limit.

    A segment waits for the exporters of this process and for those that another living process
    has, as in a deployment that adds one while the old workers still run.

    Args:
        layout: The journal's folders.
        readers: The readers of this process, by exporter.
        reader: Makes the reader of an exporter that only other processes have.
        max_bytes: Most bytes of segments, dead letters and damaged parts together.
        when_full: Which records are dropped to stay below.
    """

    def __init__(
        self,
        layout: Layout,
        readers: Mapping[str, DiskReader],
        reader: Callable[[str], DiskReader],
        *,
        max_bytes: int,
        when_full: WhenFull,
        quarantine: Quarantine,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._layout = layout
        self._segments = layout.segments
        self._readers = readers
        self._reader = reader
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._quarantine = quarantine
        self._counters = counters
        self._throttle = throttle

    def prune(self) -> None:
        """Delete segments that every exporter has passed and no process writes to. Never raises."""
        with self._reported("Delivered records stay on the disk"):
            self._layout.refresh()
            readers = self.followed()
            with self._reported("Records are kept for an exporter that is not configured any more"):
                self._end_unused(readers)
            cursors = [reader.load() for reader in readers.values()]
            for segment in segments(self._segments):
                reached = min(cursor.get(segment.name, 0) for cursor in cursors)
                with self._reported(f"{segment.name}, which is delivered, stays on the disk"):
                    self._delete_if_done(segment, reached)
            delete_unfinished(self._segments, time.time() - UNFINISHED_SECONDS)

    def _delete_if_done(self, segment: Segment, reached: int) -> None:
        if segment.tail(segment.start(reached, segment.size())) is None:
            return  # most of a backlog, which is scanned each second: no lock is needed to see it
        with segment.left() as is_left:
            if not is_left:
                return
            tail = segment.tail(segment.start(reached, segment.size()))
            if tail is None:
                return
            offset, half = tail
            if half:
                self._quarantine.keep_tail(segment, offset, half)
            segment.unlink()

    def make_room(self) -> bool:
        """Return whether more may be written; if the policy is that, drop the oldest before."""
        with self._reported("The size of the journal is not known"):
            size = size_of(self._layout)
            if size <= self._max_bytes:
                return True
            if self._when_full == "drop_oldest":
                cursors = {name: self._cursor(each) for name, each in self.followed().items()}
                for segment in segments(self._segments):
                    with (
                        self._reported(f"{segment.name} cannot be dropped to make room"),
                        contextlib.suppress(NotOurFile, IsADirectoryError),  # delivery moves it
                    ):
                        size -= self._drop(segment, cursors)
                    if size <= self._max_bytes:
                        return True
            return False
        return True  # a disk that is full raises in the write

    def fault(self) -> str | None:
        """Return why no record can be kept now; None when one can. Writes a file. Never raises."""
        try:
            self._layout.refresh()
            self._layout.make()  # as the next record does, when somebody has deleted it
            self._layout.probe(writes=True)
            if self._when_full == "drop_newest" and size_of(self._layout) > self._max_bytes:
                return (
                    f"the journal in {self._layout.path} has reached CHEST_JOURNAL_MAX_BYTES="
                    f"{self._max_bytes}"
                )
        except OSError as error:
            return f"the journal in {self._layout.path} cannot be used: {error}"
        return None

    def _drop(self, segment: Segment, cursors: Mapping[str, Mapping[str, int]]) -> int:
        """Delete a segment unless a process writes to it; return the bytes that this freed."""
        with segment.left() as is_left:
            if not is_left:
                return 0
            size = segment.size()
            lost = {
                name: segment.count(cursor.get(segment.name, 0)) for name, cursor in cursors.items()
            }
            segment.unlink()
        for name, number in lost.items():
            if number:
                self._counters.add(f"dropped {name}", "journal_full", number)
                self._throttle.log(
                    logging.ERROR,
                    f"journal_full {name}",
                    f"Records are dropped before the exporter {name!r} had them ({{number}}): the "
                    f"journal in {self._layout.path} has reached CHEST_JOURNAL_MAX_BYTES="
                    f"{self._max_bytes}",
                    number=number,
                )
        return size

    def _cursor(self, reader: DiskReader) -> Mapping[str, int]:
        """Return a cursor; one that cannot be read has passed nothing, as far as anybody knows."""
        with self._reported("More records may be counted as dropped than are"):
            return reader.load()
        return {}

    def followed(self) -> dict[str, DiskReader]:
        """Return the readers of all exporters that a living process has.

        Raises:
            OSError: Nobody can tell which.
        """
        names = {exporter_of(file) for file in names_in_use(self._layout.cursors)}
        others = {name: self._reader(name) for name in names.difference(self._readers)}
        return {**self._readers, **others}

    def _end_unused(self, readers: dict[str, DiskReader]) -> None:
        """Stop waiting for exporters that no living process has any more, and log it once."""
        files = sorted(names_in_use(self._layout.cursors))
        for name in set(readers).difference(self._readers):
            # All of them: it may have had other destinations before.
            own = [file for file in files if exporter_of(file) == name]
            until = self._last_in_use(own)
            gone = [self._is_deleted(file) for file in own]
            if not gone or not all(gone):  # without any, another process was faster
                continue
            waiting = self._undelivered(readers.pop(name), until)
            self._throttle.log(
                logging.WARNING if waiting else logging.INFO,
                f"removed {name}",
                f"The exporter {name!r} is not configured any more: the journal in "
                f"{self._layout.path} keeps nothing for it from now on. "
                + (
                    f"{waiting:,} records had not been delivered to it" if waiting else "It had all"
                ),
            )

    def _last_in_use(self, files: Iterable[str]) -> float:
        """Return when a process last had an exporter, in Unix time."""
        last = 0.0
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                last = max(last, self._layout.cursors.stat(file).st_mtime)
        return last

    def _undelivered(self, reader: DiskReader, until: float) -> int:
        """Return how many records an exporter has missed that were begun before it had gone."""
        cursor = self._cursor(reader)
        found = 0
        for segment in segments(self._segments):
            with contextlib.suppress(FileNotFoundError, NotOurFile, IsADirectoryError):
                found += segment.count_until(cursor.get(segment.name, 0), until)
        return found

    def _is_deleted(self, file: str) -> bool:
        """Delete the lock of an exporter that no living process has; False when one has it."""
        with contextlib.suppress(FileNotFoundError):
            return SharedLock.delete_unheld(self._layout.cursors, file)
        return True

    @contextlib.contextmanager
    def _reported(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as error:
            self._throttle.log(
                logging.ERROR,
                "prune",
                f"{consequence}: the journal in {self._layout.path} cannot be used: {error}",
                error,
            )


def size_of(layout: Layout) -> int:
    """Return the bytes of segments, dead letters and what is quarantined.

    Raises:
        OSError: A folder cannot be read.
    """
    return sum(_size(each) for each in (layout.segments, layout.dead_letters, layout.damaged))


def _size(folder: Folder) -> int:
    """Return the bytes of the files in a folder. A request waits for this."""
    found = 0
    with fork.held_off(), contextlib.suppress(FileNotFoundError):
        descriptor = folder.open_again()
        try:
            with os.scandir(descriptor) as files:
                for file in files:
                    with contextlib.suppress(FileNotFoundError):  # another process was faster
                        found += file.stat(follow_symlinks=False).st_size
        finally:
            os.close(descriptor)
    return found

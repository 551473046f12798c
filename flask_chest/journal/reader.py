"""Reads the journal on disk for one exporter: its cursor, its lease, its dead letters."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from flask_chest.journal.dead_letters import DeadLetters
from flask_chest.journal.files import Syncer, read, write_private
from flask_chest.journal.folder import NotOurFile
from flask_chest.journal.interface import Chunk, DeadLetter, Reader, Rejections, SegmentsUnreadable
from flask_chest.journal.locks import LockFile
from flask_chest.journal.rejections import rejections
from flask_chest.journal.segment import segments

if TYPE_CHECKING:
    from flask_chest.journal.layout import Layout
    from flask_chest.journal.line_counts import LineCounts
    from flask_chest.journal.quarantine import Quarantine
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class DiskReader(Reader):
    """One exporter's cursor: for each segment, the offset up to which it has delivered.

    The file is replaced atomically: a reader finds the old one or the new one. A crash between the
    database's commit and the replacement repeats one batch, which is idempotent by its record IDs.

    Args:
        layout: The journal's folders.
        exporter: Names the files, so it has only letters, digits, ``_`` and ``-``.
        quarantine: Takes what cannot be read.
        max_dead_letters: Most bytes of dead letters.
        sync: Whether the disk must have a dead letter before the cursor passes its record.
        lines: Count the records of segments, and those among the dead letters.
    """

    def __init__(
        self,
        layout: Layout,
        exporter: str,
        *,
        quarantine: Quarantine,
        max_dead_letters: int,
        sync: bool,
        lines: tuple[LineCounts, LineCounts],
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._exporter = exporter
        self._layout = layout
        self._segments = layout.segments
        self._file = f"{exporter}.json"
        self._new_file = f"{exporter}.new"
        self._dead_letters = DeadLetters(layout.dead_letters, exporter, Syncer() if sync else None)
        self._max_dead_letters = max_dead_letters
        self._lines, self._dead_letter_lines = lines
        self._lease = self._new_lease()
        self._quarantine = quarantine
        self._counters = counters
        self._throttle = throttle
        self._cursor: dict[str, int] = {}  # what this process has acknowledged

    def _new_lease(self) -> LockFile:
        return LockFile(self._layout.cursors, f"{self._exporter}.lock")

    def load(self) -> dict[str, int]:
        """Return the cursor, from the file and from what this process has acknowledged.

        Raises:
            OSError: The file is there, but cannot be read.
        """
        # An offset only ever grows, so the greater of two is right.
        cursor = self._stored()
        for name, at in dict(self._cursor).items():
            cursor[name] = max(at, cursor.get(name, 0))
        return cursor

    def _stored(self) -> dict[str, int]:
        try:
            stored = json.loads(read(self._layout.cursors, self._file))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError, NotOurFile) as error:
            stored = error
        if isinstance(stored, dict):
            # A bool is an int to `isinstance`.
            return {name: at for name, at in stored.items() if type(at) is int and at >= 0}
        path = self._layout.cursors.path / self._file
        self._throttle.log(
            logging.WARNING,
            f"damaged {self._exporter}",
            f"The cursor {path} is corrupt. All that is in the journal is delivered again; "
            "records that the database already has are not stored twice",
        )
        return {}

    @contextlib.contextmanager
    def lease(self) -> Iterator[bool]:
        """Hold the lock that keeps two processes from delivering the same records at once."""
        lease = self._lease  # `break_lease` replaces it
        self._layout.refresh()
        try:
            held = lease.acquire()
        except FileNotFoundError:
            if self._layout.is_there():
                raise
            held = True  # there is no journal yet, so nothing waits, and nobody else can deliver
        try:
            if held:
                self._cursor = self.load()  # each time: another process may have moved it
                self._forget_deleted()
            yield held
        finally:
            if held:
                lease.release()

    def _forget_deleted(self) -> None:
        there = {segment.name for segment in segments(self._segments)}
        self._cursor = {name: at for name, at in self._cursor.items() if name in there}

    def break_lease(self) -> None:
        """Release the lock in the name of the thread that holds it."""
        lease, self._lease = self._lease, self._new_lease()
        lease.release()

    def chunks(self, max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first."""
        unreadable: OSError | None = None
        for segment in segments(self._segments):
            try:
                end = segment.size()
                start = first = segment.start(self._cursor.get(segment.name, 0), end)
                # Half a line may remain: it is being written, or its writer was killed.
                for lines, count, blanks in segment.chunks(start, end, max_records, max_bytes):
                    begin, start = start, start + len(lines)
                    chunk = Chunk(lines, count, segment.name, start)
                    if blanks:
                        chunk = chunk.without(_is_blank)
                    if chunk.count:
                        yield chunk
                    elif begin == first or self._cursor.get(segment.name) == begin:
                        self.acknowledge(chunk)  # unless the caller has not had what is before it
            except FileNotFoundError:
                continue  # somebody deleted it
            except OSError as error:
                unreadable = unreadable or error
                self._quarantine.move_if_unreadable(segment, error)
        if unreadable is not None:
            raise SegmentsUnreadable(unreadable.errno, str(unreadable)) from unreadable

    def acknowledge(self, chunk: Chunk) -> None:
        """Store the new offset."""
        is_first = chunk.segment not in self._cursor
        self._cursor[chunk.segment] = chunk.end
        try:
            if is_first:  # or the file would grow with each segment of a long backlog
                self._forget_deleted()
            cursors = self._layout.cursors
            write_private(cursors, self._new_file, os.O_TRUNC, json.dumps(self._cursor).encode())
            cursors.rename(self._new_file, self._file)
        except OSError as error:
            self._throttle.log(
                logging.ERROR,
                f"cursor {self._exporter}",
                f"The cursor of the exporter {self._exporter!r} cannot be stored: {error}. "
                "Delivery goes on. The next process repeats what this one delivers meanwhile; "
                "the database stores no record twice",
                error,
            )

    def dead_letter(self, line: bytes, error: Exception) -> None:
        """Append the record and the error to the dead letters of this exporter."""
        letters = self._dead_letters
        if letters.size() >= self._max_dead_letters:
            self._counters.add(f"dropped {self._exporter}", "dead_letters_full")
            self._throttle.log(
                logging.ERROR,
                f"dead letters {self._exporter}",
                f"Refused records are lost ({{number}}): {letters.path} has reached "
                f"{self._max_dead_letters} bytes. Look into it with `flask chest dead-letter`, and "
                "retry or drop them",
                number=1,
            )
            return
        letters.add(line, error)
        try:
            letters.sync()
        except OSError as fault:
            self._throttle.log(
                logging.ERROR,
                f"sync {self._exporter}",
                f"{letters.path} may lose records when the power fails: {fault}",
                fault,
            )

    def quarantine(self, chunk: Chunk, reason: str) -> None:
        """Keep a line that is no record in `damaged/`."""
        at = chunk.end - len(chunk.lines)
        self._quarantine.keep_line(chunk.segment, at, chunk.lines, reason)
        self._counters.add(f"dropped {self._exporter}", "malformed")

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters of this exporter, oldest first."""
        self._layout.refresh()
        return iter(self._dead_letters)

    def newest_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the newest dead letters of this exporter, the newest first."""
        self._layout.refresh()
        return self._dead_letters.newest(limit)

    def drop_dead_letters(self, ids: Collection[str]) -> int:
        """Remove dead letters by their IDs, all of them at once."""
        meant = frozenset(ids)
        return self.remove_dead_letters(lambda letter: letter.id in meant)

    def renew_dead_letters(self, errors: Mapping[str, Exception]) -> int:
        """Replace the errors of dead letters by their IDs, all of them at once."""
        self._dead_letters.clean()
        return self._dead_letters.renew(errors)

    def remove_dead_letters(self, is_meant: Callable[[DeadLetter], bool]) -> int:
        """Remove some, all of them at once, and what a killed process left of such a removal.

        Returns:
            How many there were.

        Raises:
            OSError: They cannot be removed. All of them are still there.
        """
        self._dead_letters.clean()
        return self._dead_letters.remove(is_meant)

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest segment with any."""
        waiting = 0
        oldest = now = time.time()
        with contextlib.suppress(OSError):  # delivery, which needs the same files, reports it
            self._layout.refresh()
            cursor = self.load()
            for segment in segments(self._segments):
                rest = 0
                with contextlib.suppress(NotOurFile, IsADirectoryError):  # delivery reports it
                    rest = segment.size() - cursor.get(segment.name, 0)
                if rest > 0:
                    waiting += rest
                    oldest = min(oldest, segment.created(now))
        return waiting, now - oldest

    def pending_records(self) -> int:
        """Return how many records wait."""
        waiting = 0
        with contextlib.suppress(OSError):  # as above
            self._layout.refresh()
            cursor = self.load()
            for segment in segments(self._segments):
                with contextlib.suppress(FileNotFoundError, NotOurFile, IsADirectoryError):
                    end = segment.size()
                    start = segment.start(cursor.get(segment.name, 0), end)
                    if start < end:
                        waiting += self._lines.between(segment.name, start, end)
        return waiting

    def rejections(self) -> Rejections:
        """Return what is dead-lettered now."""
        return rejections(
            self._layout.dead_letters, self._dead_letters.path.name, self._dead_letter_lines
        )

    def after_fork(self) -> None:
        """Leave the lease to the parent."""
        self._lease.after_fork()
        self._dead_letters.after_fork()
        self._cursor = {}


def _is_blank(line: bytes) -> bool:
    return line.startswith(b" ")

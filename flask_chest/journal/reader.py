"""Reads the journal on disk for one exporter: its cursor, its lease, its dead letters."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flask_chest.journal.files import Syncer, write_private
from flask_chest.journal.interface import Chunk, Reader
from flask_chest.journal.locks import LockFile
from flask_chest.journal.segment import segments

if TYPE_CHECKING:
    from flask_chest.journal.quarantine import Quarantine
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle


class DiskReader(Reader):
    """One exporter's cursor: for each segment, the offset up to which it has delivered.

    The file is replaced atomically: a reader finds the old one or the new one. A crash between the
    database's commit and the replacement repeats one batch, which is idempotent by its record IDs.

    Args:
        folder: The journal's.
        exporter: Names the files, so it has only letters, digits, ``_`` and ``-``.
        quarantine: Takes what cannot be read.
        max_dead_letters: Most bytes of dead letters.
        sync: Whether the disk must have a dead letter before the cursor passes its record.
    """

    def __init__(
        self,
        folder: Path,
        exporter: str,
        *,
        quarantine: Quarantine,
        max_dead_letters: int,
        sync: bool,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._exporter = exporter
        self._folder = folder / "segments"
        self._file = folder / "cursors" / f"{exporter}.json"
        self._new_file = self._file.with_suffix(".new")
        self._dead_letters = folder / "dead-letter" / f"{exporter}.jsonl"
        self._max_dead_letters = max_dead_letters
        self._syncer = Syncer() if sync else None
        self._lease_file = folder / "cursors" / f"{exporter}.lock"
        self._lease = LockFile(self._lease_file)
        self._quarantine = quarantine
        self._counters = counters
        self._throttle = throttle
        self._cursor: dict[str, int] = {}  # what this process has acknowledged

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
            stored = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            stored = error
        if isinstance(stored, dict):
            # A bool is an int to `isinstance`.
            return {name: at for name, at in stored.items() if type(at) is int and at >= 0}
        self._throttle.log(
            logging.WARNING,
            f"damaged {self._exporter}",
            f"The cursor {self._file} is corrupt. All that is in the journal is delivered again; "
            "records that the database already has are not stored twice",
        )
        return {}

    @contextlib.contextmanager
    def lease(self) -> Iterator[bool]:
        """Hold the lock that keeps two processes from delivering the same records at once."""
        lease = self._lease  # `break_lease` replaces it
        held = lease.acquire()
        try:
            if held:
                self._cursor = self.load()  # each time: another process may have moved it
                self._forget_deleted()
            yield held
        finally:
            if held:
                lease.release()

    def _forget_deleted(self) -> None:
        there = {segment.name for segment in segments(self._folder)}
        self._cursor = {name: at for name, at in self._cursor.items() if name in there}

    def break_lease(self) -> None:
        """Release the lock in the name of the thread that holds it."""
        lease, self._lease = self._lease, LockFile(self._lease_file)
        lease.release()

    def chunks(self, max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first."""
        unreadable: OSError | None = None
        for segment in segments(self._folder):
            try:
                end = segment.size()
                start = segment.start(self._cursor.get(segment.name, 0), end)
                # Half a line may remain: it is being written, or its writer was killed.
                for lines, count in segment.chunks(start, end, max_records, max_bytes):
                    start += len(lines)
                    yield Chunk(lines, count, segment.name, start)
            except FileNotFoundError:
                continue  # somebody deleted it
            except OSError as error:
                unreadable = unreadable or error
                self._quarantine.move_if_unreadable(segment, error)
        if unreadable is not None:
            raise unreadable

    def acknowledge(self, chunk: Chunk) -> None:
        """Store the new offset."""
        is_first = chunk.segment not in self._cursor
        self._cursor[chunk.segment] = chunk.end
        try:
            if is_first:  # or the file would grow with each segment of a long backlog
                self._forget_deleted()
            write_private(self._new_file, os.O_TRUNC, json.dumps(self._cursor).encode())
            self._new_file.replace(self._file)
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
        with contextlib.suppress(FileNotFoundError):
            if self._dead_letters.stat().st_size >= self._max_dead_letters:
                self._counters.add(f"dropped {self._exporter}", "dead_letters_full")
                self._throttle.log(
                    logging.ERROR,
                    f"dead letters {self._exporter}",
                    f"A refused record is lost: {self._dead_letters} has reached "
                    f"{self._max_dead_letters} bytes. Look into it, and delete it",
                )
                return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = line.decode("utf-8", "replace")
        letter = {"error": f"{type(error).__name__}: {error}", "record": record}
        write_private(self._dead_letters, os.O_APPEND, json.dumps(letter).encode() + b"\n")
        if self._syncer is not None:
            try:
                self._syncer.sync(self._dead_letters)
            except OSError as fault:
                self._throttle.log(
                    logging.ERROR,
                    f"sync {self._exporter}",
                    f"{self._dead_letters} may lose records when the power fails: {fault}",
                    fault,
                )

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest segment with any."""
        waiting = 0
        oldest = now = time.time()
        with contextlib.suppress(OSError):  # delivery, which needs the same files, reports it
            cursor = self.load()
            for segment in segments(self._folder):
                rest = segment.size() - cursor.get(segment.name, 0)
                if rest > 0:
                    waiting += rest
                    oldest = min(oldest, _created(segment.name, now))
        return waiting, now - oldest

    def after_fork(self) -> None:
        """Leave the lease to the parent."""
        self._lease.after_fork()
        if self._syncer is not None:
            self._syncer.after_fork()
        self._cursor = {}


def _created(name: str, otherwise: float) -> float:
    """Return the Unix time in seconds from the UUIDv7 in a segment's name.

    Args:
        name: Of the segment.
        otherwise: What to return for another kind of name.
    """
    try:
        return int(name[:8] + name[9:13], 16) / 1000
    except ValueError:
        return otherwise

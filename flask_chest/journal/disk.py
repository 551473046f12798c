"""The journal on disk: a segment file for each process, and a cursor for each exporter.

The folder holds::

    segments/<uuid7>.jsonl        records, one a line, written by one process
    cursors/<exporter>.json       how far this exporter is, segment name to offset in bytes
    cursors/<exporter>.lock       held by the process that delivers for it at this moment
    dead-letter/<exporter>.jsonl  records that the database refused, with the error
    export.lock                   held by the process that delivers for this host
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError
from flask_chest.journal.interface import Chunk, Journal, Reader
from flask_chest.journal.segment import (
    Segment,
    SegmentWriter,
    delete_unborn,
    open_private,
    private_folder,
    segments,
    try_lock,
)
from flask_chest.record import uuid7

if TYPE_CHECKING:
    from flask_chest.log import Throttle
    from flask_chest.stats import Counters

MAX_SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A process goes on in a new segment after this many bytes, so that the old one can be deleted."""

_POLL_SECONDS: Final = 0.02
_UNBORN_SECONDS: Final = 3600.0


class DiskJournal(Journal):
    """Keeps records in a folder that several processes of one host share.

    Args:
        folder: Created when it is missing, for this user only.
        exporters: Names of all configured exporters: a segment is deleted when these have
            delivered it.

    Raises:
        ConfigurationError: The folder cannot be written.
    """

    def __init__(
        self, folder: Path, exporters: Iterable[str], counters: Counters, throttle: Throttle
    ) -> None:
        self.folder = folder
        self._segments = folder / "segments"
        self._readers = {name: DiskReader(folder, name, counters) for name in exporters}
        self._counters = counters
        self._throttle = throttle
        self._lock = threading.Lock()
        self._writer: SegmentWriter | None = None
        self._appended = 0
        self._claim: int | None = None
        try:
            for path in (folder, self._segments, folder / "cursors", folder / "dead-letter"):
                private_folder(path)
            probe = folder / f".probe-{uuid7()}"
            os.close(open_private(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            probe.unlink()
        except OSError as error:
            raise ConfigurationError(
                f"CHEST_JOURNAL={str(folder)!r} cannot be written: {error.strerror}. Give a folder "
                "that this user may write, on a local disk, or 'memory' where there is none",
                setting="CHEST_JOURNAL",
            ) from error

    @property
    def appended(self) -> int:
        """Records kept by this process."""
        return self._appended

    def append(self, line: bytes) -> bool:
        """Append one record to this process's segment. Never raises."""
        try:
            with self._lock:
                writer = self._writer
                if writer is None or writer.is_torn or writer.size >= MAX_SEGMENT_BYTES:
                    writer = self._rotate()
                writer.append(line)
                self._appended += 1
        except OSError as error:
            self._counters.add("dropped", "journal")
            self._throttle.log(
                logging.ERROR,
                "journal",
                f"A record is lost: the journal in {self.folder} cannot be written: {error}",
                error,
            )
            return False
        return True

    def _rotate(self) -> SegmentWriter:
        new = SegmentWriter(self._segments, uuid7())
        if self._writer is not None:
            self._writer.close()
        self._writer = new
        return new

    def reader(self, exporter: str) -> DiskReader:
        """Return the reader of one of the exporters named at the start."""
        return self._readers[exporter]

    def claim(self) -> bool:
        """Try to take the host's export lock; True when this process has it."""
        with self._lock:
            if self._claim is not None:
                return True
            try:
                descriptor = open_private(self.folder / "export.lock", os.O_RDWR | os.O_CREAT)
            except OSError:
                return False
            if not try_lock(descriptor):
                os.close(descriptor)
                return False
            self._claim = descriptor
            return True

    def release(self) -> None:
        """Give the host's export lock back."""
        with self._lock:
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None

    def prune(self) -> None:
        """Delete the segments that every exporter has passed and nobody writes to."""
        cursors = [reader.load() for reader in self._readers.values()]
        for segment in segments(self._segments):
            segment.delete_if_abandoned(min(cursor.get(segment.name, 0) for cursor in cursors))
        delete_unborn(self._segments, time.time() - _UNBORN_SECONDS)

    def close(self) -> None:
        """Close the segment and give the export lock back."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self.release()

    def after_fork(self) -> None:
        """Forget the parent's segment and locks; the parent goes on with them."""
        self._lock = threading.Lock()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None
        self._appended = 0
        for reader in self._readers.values():
            reader.after_fork()


class DiskReader(Reader):
    """One exporter's cursor: for each segment, the offset up to which it has delivered.

    The file is replaced in one step, so a reader finds the old one or the new one, and a crash
    between the database's commit and the replacement repeats one batch, which the database
    recognises by its record IDs.
    """

    def __init__(self, folder: Path, exporter: str, counters: Counters) -> None:
        self._folder = folder / "segments"
        self._file = folder / "cursors" / f"{exporter}.json"
        self._lock_file = folder / "cursors" / f"{exporter}.lock"
        self._dead_letters = folder / "dead-letter" / f"{exporter}.jsonl"
        self._counters = counters
        self._turn: int | None = None
        self._cursor: dict[str, int] = {}

    def load(self) -> dict[str, int]:
        """Return the stored cursor; empty when there is none or it is damaged."""
        try:
            stored = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(stored, dict):
            return {}
        return {name: offset for name, offset in stored.items() if isinstance(offset, int)}

    @contextlib.contextmanager
    def turn(self, timeout_seconds: float) -> Iterator[bool]:
        """Hold the lock that keeps two processes from delivering the same records at once."""
        deadline = time.monotonic() + timeout_seconds
        descriptor = open_private(self._lock_file, os.O_RDWR | os.O_CREAT)
        self._turn = descriptor
        try:
            while not (held := try_lock(descriptor)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if held:
                self._cursor = self.load()  # another process may have moved it
            yield held
        finally:
            if self._turn == descriptor:  # else a fork has closed it already
                self._turn = None
                os.close(descriptor)

    def chunks(self, max_records: int, max_bytes: int) -> Iterator[Chunk]:
        """Yield what waits at this moment, oldest segment first."""
        for segment in segments(self._folder):
            abandoned = segment.is_abandoned()  # before its size: nothing is added afterwards
            end = segment.size()
            start = self._cursor.get(segment.name, 0)
            while start < end:
                lines, count = segment.read(start, end, max_records, max_bytes)
                if not count:
                    if abandoned:
                        self._skip_torn(segment, end)
                    break
                start += len(lines)
                yield Chunk(lines, count, segment.name, start)

    def _skip_torn(self, segment: Segment, end: int) -> None:
        """Pass half a line, whose writer was killed before its client got an answer."""
        self._counters.add("dropped", "torn")
        self._move(segment.name, end)

    def acknowledge(self, chunk: Chunk) -> None:
        """Store the new offset."""
        self._move(chunk.segment, chunk.end)

    def _move(self, segment: str, offset: int) -> None:
        self._cursor[segment] = offset
        self._cursor = {
            name: reached
            for name, reached in self._cursor.items()
            if name == segment or (self._folder / name).exists()
        }
        new = self._file.with_suffix(".new")
        descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, json.dumps(self._cursor).encode())
        finally:
            os.close(descriptor)
        new.replace(self._file)

    def set_aside(self, line: bytes, error: Exception) -> None:
        """Append the record and the error to the dead letters of this exporter."""
        try:
            record = json.loads(line)
        except ValueError:
            record = line.decode("utf-8", "replace")
        letter = {"error": f"{type(error).__name__}: {error}", "record": record}
        descriptor = open_private(self._dead_letters, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, json.dumps(letter).encode() + b"\n")
        finally:
            os.close(descriptor)

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest segment with any."""
        cursor = self.load()
        waiting = 0
        oldest = time.time()
        for segment in segments(self._folder):
            rest = segment.size() - cursor.get(segment.name, 0)
            if rest > 0:
                waiting += rest
                oldest = min(oldest, _created(segment.name))
        return waiting, max(time.time() - oldest, 0.0) if waiting else 0.0

    def after_fork(self) -> None:
        """Close, in a forked child, the lock that the parent holds."""
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None


def _created(name: str) -> float:
    """Return the Unix time in seconds that the UUIDv7 in a segment's name begins with."""
    return int(name[:8] + name[9:13], 16) / 1000

"""The journal on disk: a segment file for each process, and a cursor for each exporter.

The folder holds::

    segments/<uuid7>.jsonl        records, one a line, written by one process
    cursors/<exporter>.json       how far this exporter is, segment name to offset in bytes
    cursors/<exporter>.lock       held by the process that delivers for it at this moment
    dead-letter/<exporter>.jsonl  records that the database refused, with the error
    export.lock                   held by the process that delivers for this host
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest import fork
from flask_chest.errors import ConfigurationError
from flask_chest.journal.files import LockFile, open_private, private_folder, try_lock
from flask_chest.journal.interface import Journal
from flask_chest.journal.reader import DiskReader
from flask_chest.journal.segment import Segment, SegmentWriter, delete_unborn, segments
from flask_chest.record import uuid7

if TYPE_CHECKING:
    from flask_chest.log import Throttle
    from flask_chest.stats import Counters

MAX_SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A process goes on in a new segment after this many bytes, so that the old one can be deleted."""

_UNBORN_SECONDS: Final = 3600.0


class DiskJournal(Journal):
    """Keeps records in a folder that several processes of one host share.

    Args:
        folder: Created when it is missing, for this user only.
        exporters: Names of all configured exporters: a segment is deleted when these have
            delivered it.

    Raises:
        ConfigurationError: The folder cannot be written, or its files cannot be locked.
    """

    def __init__(
        self, folder: Path, exporters: Iterable[str], counters: Counters, throttle: Throttle
    ) -> None:
        self.folder = folder
        self._segments = folder / "segments"
        self._readers = {name: DiskReader(folder, name, throttle) for name in exporters}
        self._export_lock = LockFile(folder / "export.lock")
        self._counters = counters
        self._throttle = throttle
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._writer: SegmentWriter | None = None
        self._appended = 0
        try:
            for path in (folder, self._segments, folder / "cursors", folder / "dead-letter"):
                private_folder(path)
            _probe(folder / ".probe")
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
            self._report("journal", "A record is lost", error)
            return False
        return True

    def _rotate(self) -> SegmentWriter:
        old = self._writer
        with fork.held_off():
            try:
                self._writer = new = SegmentWriter(self._segments, uuid7())
            except OSError:
                if old is None or old.is_torn:
                    raise
                return old  # too long, but better than nothing
            if old is not None:
                old.close()
            return new

    def reader(self, exporter: str) -> DiskReader:
        """Return the reader of one of the exporters named at the start."""
        return self._readers[exporter]

    def claim(self) -> bool:
        """Try to take the host's export lock; True when this process has it."""
        try:
            return self._export_lock.acquire() or self._export_lock.is_held
        except OSError as error:
            self._report("claim", "Nothing is delivered", error)
            return False

    def release(self) -> None:
        """Give the host's export lock back."""
        self._export_lock.release()

    def prune(self) -> None:
        """Delete the segments that every exporter has passed and nobody writes to."""
        try:
            cursors = [reader.load() for reader in self._readers.values()]
            for segment in segments(self._segments):
                self._delete_if_done(segment, [cursor.get(segment.name, 0) for cursor in cursors])
            delete_unborn(self._segments, time.time() - _UNBORN_SECONDS)
        except OSError as error:
            self._report("prune", "Delivered records stay on the disk", error)

    def _delete_if_done(self, segment: Segment, reached: list[int]) -> None:
        try:
            if segment.delete_if_done(min(reached)):
                self._counters.add("dropped", "torn")
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as error:
            self._report("prune", "Delivered records stay on the disk", error)

    def close(self) -> None:
        """Close the segment and give the export lock back."""
        with self._lock:
            self._close_writer()
        self.release()

    def after_fork(self) -> None:
        """Forget the parent's segment and locks; the parent goes on with them."""
        self._lock = threading.RLock()
        self._close_writer()
        self._export_lock.after_fork()
        self._appended = 0
        for reader in self._readers.values():
            reader.after_fork()

    def _close_writer(self) -> None:
        with fork.held_off():
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def _report(self, kind: str, consequence: str, error: OSError) -> None:
        self._throttle.log(
            logging.ERROR,
            kind,
            f"{consequence}: the journal in {self.folder} cannot be used: {error}",
            error,
        )


def _probe(path: Path) -> None:
    """Create, lock and delete a file.

    Raises:
        OSError: One of these is not possible here.
    """
    descriptor = open_private(path, os.O_WRONLY | os.O_CREAT)
    try:
        try_lock(descriptor)
        path.unlink(missing_ok=True)  # another process may probe at the same moment
    finally:
        os.close(descriptor)

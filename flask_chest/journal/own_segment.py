"""The segment that this process writes to: begun, rescued, synced and given up."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flask_chest.journal.files import Syncer
from flask_chest.journal.segment import count_records
from flask_chest.journal.segment_writer import SegmentWriter
from flask_chest.record import uuid7
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.layout import Layout
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

Fsync: TypeAlias = Literal["interval", "always", "never"]

IDLE_SECONDS: Final = 60.0
"""A process that records nothing for so long closes its segment, so that it can be deleted."""


class OwnSegment:
    """One segment after the other, each with this process as its only writer.

    Args:
        layout: The journal's folders.
        fsync: When to wait until the disk has a record.

    Attributes:
        writer: The one that is open; None before the first record, and when it was given up.
        lock: Guards it. A request holds it to append.
    """

    def __init__(
        self, layout: Layout, fsync: Fsync, counters: Counters, throttle: Throttle
    ) -> None:
        self._layout = layout
        self._fsync = fsync
        self._counters = counters
        self._throttle = throttle
        self._syncer = Syncer()
        self.writer: SegmentWriter | None = None
        self._forget()

    def _forget(self) -> None:
        self.lock = threading.RLock()  # a signal handler may close what it interrupts
        self._close_writer()
        self._unsynced: set[str | None] = set()  # segments, and None for their folder
        self._synced = 0  # bytes of the segment that the disk has
        self._idle_bytes, self._idle_since = 0, 0.0  # its size, and when that last changed

    def after_fork(self) -> None:
        """Leave it to the parent, in a forked child."""
        self._forget()
        self._syncer.after_fork()

    # -- Under the lock --------------------------------------------------------------------------

    def rotate(self) -> SegmentWriter:
        """Go on in a new segment, or in the old one as long as none can be made.

        Raises:
            OSError: There is no old one to which whole lines can be appended.
        """
        old = self.writer
        try:
            return self._begin()
        except OSError:
            if old is None or old.is_torn:
                raise
            return old  # too large or deleted, but better than none

    def _begin(self) -> SegmentWriter:
        old = self.writer
        # Of a segment that somebody deleted, this process alone has the records.
        rescued = b"" if old is None or old.is_there() else old.content()
        with fork.held_off():
            self.writer = new = self._new_writer(rescued)
            if old is not None:
                self._unsynced.add(old.name)
                old.close()
        self._idle_bytes = 0
        self._unsynced.add(None)
        self._synced = 0
        if self._fsync == "always":
            self._sync()
        if old is not None and rescued:
            self._throttle.log(
                logging.WARNING,
                "rescued",
                f"{old.path} was deleted while it was written to. Its {len(rescued)} bytes are in "
                "a new segment, and all of them are delivered, some perhaps again",
            )
        return new

    def _new_writer(self, content: bytes) -> SegmentWriter:
        self._layout.refresh()
        try:
            return SegmentWriter(self._layout.segments, uuid7(), content)
        except FileNotFoundError:  # somebody deleted the folder
            self._layout.make()
            return SegmentWriter(self._layout.segments, uuid7(), content)

    def retire(self) -> None:
        """Close the segment, so that others can delete it. The next record begins a new one.

        One that is deleted already stays open until its records are in a new one. Never raises.
        """
        with contextlib.suppress(OSError):  # it cannot be looked at
            if self.writer is not None and self.writer.is_there():
                self._unsynced.add(self.writer.name)
                self._close_writer()

    def sync_record(self, writer: SegmentWriter) -> None:
        """Wait until the disk has what was appended. Never raises."""
        try:
            writer.sync()
        except OSError as error:
            self._report("sync", "A record may be lost when the power fails", error)

    # -- From any thread -------------------------------------------------------------------------

    def keep(self) -> None:
        """Rescue, give up and sync what is to be, once a second. Never raises."""
        with self.lock:
            self._rescue()
            self._retire_if_idle()
        if self._fsync == "interval":
            self._sync()

    def close(self) -> None:
        """Close the segment. Never raises."""
        with self.lock:
            self._count_lost()
            self._close_writer()

    def _rescue(self) -> None:
        """Write the records of a segment that somebody deleted to a new one."""
        lost = self.writer
        if lost is None:
            return
        try:
            if lost.is_there():
                return
            self._layout.make()
            self._begin()
        except OSError as error:
            self._report(
                "rescue",
                f"{lost.path} was deleted or moved while it was written to. Its {lost.size} bytes "
                "cannot be written to a new segment yet, and are lost if this process ends before",
                error,
            )

    def _retire_if_idle(self) -> None:
        now = time.monotonic()
        if self.writer is None or self.writer.size != self._idle_bytes:
            self._idle_bytes = self.writer.size if self.writer is not None else 0
            self._idle_since = now
        elif now - self._idle_since >= IDLE_SECONDS:
            self.retire()

    def _count_lost(self) -> None:
        """Count the records of a segment that somebody deleted and that could not be rescued."""
        with contextlib.suppress(OSError):
            writer = self.writer
            if writer is None or writer.is_there():
                return
            if lost := count_records(writer.content()):
                self._counters.add("dropped", "journal", lost)
                self._throttle.log(
                    logging.ERROR,
                    "lost",
                    f"Records are lost ({{number}}) unless they were delivered: {writer.path} was "
                    "deleted, and they could not be written to a new segment before the end",
                    number=lost,
                )

    def _close_writer(self) -> None:
        with fork.held_off():
            writer, self.writer = self.writer, None
            if writer is not None:
                writer.close()

    def _sync(self) -> None:
        """Wait until the disk has all that was written before."""
        with self.lock:
            names, self._unsynced = self._unsynced, set()
            writer = self.writer
            if writer is not None and writer.size > self._synced:
                names.add(writer.name)
                self._synced = writer.size
        for name in names:
            try:
                self._syncer.sync(self._layout.segments, name)
            except FileNotFoundError:
                pass  # delivered
            except OSError as error:
                self._report("sync", "Records may be lost when the power fails", error)

    def _report(self, kind: str, consequence: str, error: OSError) -> None:
        self._throttle.log(
            logging.ERROR,
            kind,
            f"{consequence}: the journal in {self._layout.path} cannot be used: {error}",
            error,
        )

"""The journal on disk: a segment file for each process, and a cursor for each exporter.

The folder holds::

    segments/<uuid7>.jsonl        records, one a line, written by one process
    cursors/<exporter>.json       this exporter's cursor: segment name to offset in bytes
    cursors/<exporter>.lock       its delivery lease, held by the process that delivers to it now
    cursors/<exporter>@<digest of its destination>.in-use
                                  held by every process that has this exporter
    dead-letter/<exporter>.jsonl  records that the database refused, with the error
    damaged/                      the quarantine: what cannot be read, with the reason
    processes/<uuid7>.json        counters of one process, locked while it lives
    processes/total.json          the sum of those of ended processes
    export.lock                   held by the leader, the process that delivers for this host
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from flask_chest.journal import dead_letters
from flask_chest.journal.access import Access, Opens
from flask_chest.journal.erasure import Erasure
from flask_chest.journal.files import Syncer
from flask_chest.journal.in_use import OtherExporters
from flask_chest.journal.interface import LEASE_SECONDS, Erased, Journal, Matches, WhenFull
from flask_chest.journal.layout import Layout
from flask_chest.journal.leases import Leases
from flask_chest.journal.line_counts import LineCounts
from flask_chest.journal.locks import LockFile
from flask_chest.journal.maintenance import MaintenanceThread
from flask_chest.journal.process_counters import ProcessCounters
from flask_chest.journal.quarantine import Quarantine
from flask_chest.journal.reader import DiskReader
from flask_chest.journal.retention import Retention
from flask_chest.journal.segment import SegmentWriter
from flask_chest.record import uuid7
from flask_chest.runtime import fork

if TYPE_CHECKING:
    from flask_chest.journal.host import Host
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

Fsync: TypeAlias = Literal["interval", "always", "never"]

MAX_BYTES: Final = 1024 * 1024 * 1024
"""Bytes in the folder, unless CHEST_JOURNAL_MAX_BYTES says otherwise."""

MAX_SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A process begins a new segment after this many bytes, so that the old one can be deleted."""

IDLE_SECONDS: Final = 60.0
"""A process that records nothing for so long closes its segment, so that it can be deleted."""

_CHECK_BYTES: Final = 1024 * 1024
_FULL_SECONDS: Final = 1.0
_DISK_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskJournal(Journal):
    """Keeps records in a folder that several processes of one host share.

    Args:
        folder: Created when it is missing, for this user only.
        exporters: Names of all configured exporters: a segment is deleted when these have
            delivered it.
        max_bytes: Most bytes in the folder, all processes together. Each process checks this when
            it has written a 64th of it or 1 MiB, so each may exceed it by as much.
        when_full: Which records are dropped to stay below.
        fsync: When to wait until the disk has a record: `always` before its client has the answer,
            `interval` once a second beside the requests, or `never`.
        destinations: Where each exporter delivers, by its name, without secrets.
        opens: What happens before the first use.

    Raises:
        ConfigurationError: The folder cannot be written or trusted, its files cannot be locked, or
            a process with other exporters uses it.
    """

    def __init__(
        self,
        folder: Path,
        exporters: Iterable[str],
        counters: Counters,
        throttle: Throttle,
        *,
        max_bytes: int = MAX_BYTES,
        when_full: WhenFull = "drop_oldest",
        fsync: Fsync = "interval",
        destinations: Mapping[str, str] | None = None,
        opens: Opens = "in_use",
    ) -> None:
        self.folder = folder
        self._layout = Layout(folder)
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._syncs_always = fsync == "always"
        self._counters = counters
        self._throttle = throttle
        self._quarantine = Quarantine(self._layout.damaged, max_bytes // 8, counters, throttle)
        self._lines = LineCounts(self._layout.segments), LineCounts(self._layout.dead_letters)
        self._readers = {name: self._new_reader(name) for name in exporters}
        self._retention = Retention(
            self._layout,
            self._readers,
            self._new_reader,
            max_bytes=max_bytes,
            when_full=when_full,
            quarantine=self._quarantine,
            counters=counters,
            throttle=throttle,
        )
        self._export_lock = LockFile(self._layout.root, "export.lock")
        self._access = Access(self._layout, self._readers, destinations or {}, throttle)
        self._syncer = Syncer()
        self._maintenance = MaintenanceThread(self._maintain, throttle)
        self._process = ProcessCounters(
            self._layout,
            counters,
            lambda: self._appended,
            max_bytes=max_bytes,
            quarantine=self._quarantine,
            sync=fsync != "never",
            throttle=throttle,
        )
        self._forget()
        self._access.open(opens)

    def claim(self) -> None:
        """Find out, in a command, whether the journal may be read and delivered."""
        self._access.claim()

    def _forget(self) -> None:
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._writer: SegmentWriter | None = None
        self._check_at = 0  # size of the segment at which to check the limits
        self._full_until: float | None = None
        self._no_check_before = 0.0
        self._unsynced: set[str | None] = set()  # segments, and None for their folder
        self._synced = 0  # bytes of the segment that the disk has
        self._idle_bytes, self._idle_since = 0, 0.0  # its size, and when that last changed
        self._appended = 0

    def _new_reader(self, name: str) -> DiskReader:
        return DiskReader(
            self._layout,
            name,
            quarantine=self._quarantine,
            max_dead_letters=self._max_bytes // 8,
            sync=self._fsync != "never",
            lines=self._lines,
            counters=self._counters,
            throttle=self._throttle,
        )

    # -- Writing ---------------------------------------------------------------------------------

    @property
    def appended(self) -> int:
        """Records kept by this process."""
        return self._appended

    def append(self, line: bytes) -> bool:
        """Append one record to this process's segment. Never raises."""
        try:
            with self._lock:
                writer = self._writer
                if writer is None or writer.size >= self._check_at or writer.is_torn:
                    writer = self._checked_writer()
                if writer is None:
                    self._counters.add("dropped", "journal_full")
                    return False
                # As `writer.append`, whose call takes 600 instructions.
                size = os.write(writer.descriptor, line)
                if size != len(line):
                    raise writer.taken_back(size, line)
                writer.size += size
                self._appended += 1
                if self._syncs_always:
                    self._sync_writer(writer)
        except OSError as error:
            self._counters.add("dropped", "disk_full" if error.errno in _DISK_FULL else "journal")
            self._report("journal", "A record is lost", error)
            return False
        return True

    def _checked_writer(self) -> SegmentWriter | None:
        """Return the segment to write to, if need be a new one; None when the journal is full."""
        self._access.check()
        now = time.monotonic()
        if self._full_until is not None and now < self._full_until:
            return None
        if now >= self._no_check_before and not self._retention.make_room():
            # Nobody may delete a segment that is written to; all of ours may be delivered.
            self._retire()
            if not self._retention.make_room():
                self._full_until = now + _FULL_SECONDS
                return None
        self._full_until = None
        writer = old = self._writer
        segment_bytes = min(MAX_SEGMENT_BYTES, self._max_bytes // 16)
        if writer is None or writer.is_torn or writer.size >= segment_bytes:
            # While no new one can be made, each record comes here, and must not wait for a scan
            # of the whole folder.
            self._no_check_before = now + _FULL_SECONDS
            writer = self._rotate()
            if writer is not old:
                self._no_check_before = 0.0
        step = min(_CHECK_BYTES, self._max_bytes // 64)
        self._check_at = min(writer.size + step, max(segment_bytes, writer.size))
        return writer

    def _rotate(self) -> SegmentWriter:
        old = self._writer
        with fork.held_off():
            try:
                self._writer = new = self._new_writer()
            except OSError:
                if old is None or old.is_torn:
                    raise
                return old  # too large, but better than none
            if old is not None:
                self._unsynced.add(old.name)
                old.close()
            self._idle_bytes = 0
            self._unsynced.add(None)
            self._synced = 0
            if self._fsync == "always":
                self._sync()
            return new

    def _retire(self) -> None:
        """Close the segment, so that others can delete it. The next record begins a new one."""
        if self._writer is not None:
            self._unsynced.add(self._writer.name)
            self._close_writer()

    def _new_writer(self) -> SegmentWriter:
        self._layout.refresh()
        try:
            return SegmentWriter(self._layout.segments, uuid7())
        except FileNotFoundError:  # somebody deleted the folder
            self._layout.make()
            return SegmentWriter(self._layout.segments, uuid7())

    def _sync_writer(self, writer: SegmentWriter) -> None:
        try:
            writer.sync()
        except OSError as error:
            self._report("sync", "A record may be lost when the power fails", error)

    def close(self) -> None:
        """Close the segment, store the counters, and release the locks."""
        self._maintenance.stop()
        with self._lock:
            self._close_writer()
        self.resign()
        self._process.close()
        self._access.close()

    def _close_writer(self) -> None:
        with fork.held_off():
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    # -- Maintenance, beside the requests --------------------------------------------------------

    def start(self) -> None:
        """Start the thread that syncs, stores counters, and notices when the folder is deleted.

        Raises:
            OtherExporters: A process with other exporters uses the journal.
        """
        try:
            self._access.start()
        except OtherExporters:
            with self._lock:
                self._close_writer()  # so that each record comes to the check
            raise
        self._process.start()
        self._maintenance.start()

    def _maintain(self) -> None:
        self._access.keep()
        try:
            self._rescue()
        except OSError as error:
            self._report("rescue", "Records that somebody deleted are lost", error)
        self._retire_if_idle()
        if self._fsync == "interval":
            self._sync()
        self._process.keep()

    def _retire_if_idle(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._writer is None or self._writer.size != self._idle_bytes:
                self._idle_bytes = self._writer.size if self._writer is not None else 0
                self._idle_since = now
            elif now - self._idle_since >= IDLE_SECONDS:
                self._retire()

    def _rescue(self) -> None:
        """Write the records of a segment that somebody deleted to a new one."""
        with self._lock:
            lost = self._writer
            if lost is None or lost.is_there():
                return
            content = lost.content()
            self._layout.make()
            self._rotate()
            if self._writer is not None and content:
                self._writer.append(content)
            self._throttle.log(
                logging.WARNING,
                "rescued",
                f"{lost.path} was deleted while it was written to. Its {len(content)} bytes are "
                "in a new segment, and all of them are delivered, some perhaps again",
            )

    def _sync(self) -> None:
        """Wait until the disk has all that was written before."""
        with self._lock:
            names, self._unsynced = self._unsynced, set()
            writer = self._writer
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

    # -- Delivery --------------------------------------------------------------------------------

    def reader(self, exporter: str) -> DiskReader:
        """Return the reader of one of the exporters named at the start."""
        return self._readers[exporter]

    def try_lead(self) -> bool:
        """Take or keep the lock of the host's leader; False when another process has it."""
        try:
            is_leader = self._export_lock.hold()
        except OSError as error:
            self._report("lead", "Nothing is delivered", error)
            is_leader = False
        self._process.leads(is_leader=is_leader)
        return is_leader

    def resign(self) -> None:
        """Release the lock of the host's leader."""
        self._process.leads(is_leader=False)
        self._export_lock.release()

    def host(self) -> Host | None:
        """Return what all processes have counted that share the folder."""
        return self._process.host()

    def prune(self) -> None:
        """Delete the segments that every exporter has passed and nobody writes to."""
        self._retention.prune()

    @contextlib.contextmanager
    def erase(self, matches: Matches, timeout_seconds: float = LEASE_SECONDS) -> Iterator[Erased]:
        """Erase records, and let no process deliver in the `with` block."""
        leases = Leases(self._everybody, time.monotonic() + timeout_seconds)
        with leases:
            leases.take()
            erasure = Erasure(
                self._layout,
                leases.readers,
                leases.readers.keys() & self._retention.followed(),
                matches,
                sync=self._fsync != "never",
            )
            erased = erasure.run()
            leases.take()  # those of exporters that came meanwhile: they may have read before
            yield erased

    def _everybody(self) -> dict[str, DiskReader]:
        """Return the readers of all exporters that deliver, or have left dead letters."""
        self._layout.refresh()
        names = {
            name.removesuffix(dead_letters.SUFFIX)
            for name in self._layout.dead_letters.names()
            if name.endswith(dead_letters.SUFFIX)
        }
        readers = self._retention.followed()
        return {**{name: self._new_reader(name) for name in names.difference(readers)}, **readers}

    def after_fork(self) -> None:
        """Forget the parent's segment and locks, which the parent goes on using."""
        self._lock = threading.RLock()
        self._close_writer()
        self._forget()
        self._maintenance.after_fork()
        self._syncer.after_fork()
        self._export_lock.after_fork()
        self._process.after_fork()
        self._access.close()
        for reader in self._readers.values():
            reader.after_fork()

    def _report(self, kind: str, consequence: str, error: OSError) -> None:
        self._throttle.log(
            logging.ERROR,
            kind,
            f"{consequence}: the journal in {self.folder} cannot be used: {error}",
            error,
        )

"""The journal on disk: a segment file for each process, and a cursor for each exporter.

The folder holds::

    segments/<uuid7>.jsonl        records, one a line, written by one process
    cursors/<exporter>.json       this exporter's cursor: segment name to offset in bytes; and the
                                  batches that it must get as they are
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

import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.journal.access import Access, Opens
from flask_chest.journal.erasure import erase
from flask_chest.journal.in_use import OtherExporters
from flask_chest.journal.interface import LEASE_SECONDS, Erased, Journal, Matches, WhenFull
from flask_chest.journal.layout import Layout
from flask_chest.journal.line_counts import LineCounts
from flask_chest.journal.locks import LockFile
from flask_chest.journal.maintenance import MaintenanceThread
from flask_chest.journal.outage import Outage
from flask_chest.journal.own_segment import Fsync, OwnSegment
from flask_chest.journal.process_counters import ProcessCounters
from flask_chest.journal.quarantine import Quarantine
from flask_chest.journal.reader import DiskReader
from flask_chest.journal.retention import Retention
from flask_chest.journal.room import DISK_FULL

if TYPE_CHECKING:
    from flask_chest.journal.host import Host
    from flask_chest.journal.segment_writer import SegmentWriter
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

MAX_BYTES: Final = 1024 * 1024 * 1024
"""Bytes in the folder, unless CHEST_JOURNAL_MAX_BYTES says otherwise."""

MAX_SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A process begins a new segment after this many bytes, so that the old one can be deleted."""

_CHECK_BYTES: Final = 1024 * 1024
_FULL_SECONDS: Final = 1.0


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
        self.max_bytes = max_bytes
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
        self._own = OwnSegment(self._layout, fsync, counters, throttle)
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

    def fault(self) -> str | None:
        """Return why no record can be kept now; None when one can."""
        return self._retention.fault()

    def _forget(self) -> None:
        self._check_at = 0  # size of the segment at which to check the limits
        self._full_until: float | None = None
        self._no_check_before = 0.0
        self._appended = self._appended_before = 0
        self._outage = Outage(self._layout.path, self._throttle)

    def _new_reader(self, name: str) -> DiskReader:
        return DiskReader(
            self._layout,
            name,
            quarantine=self._quarantine,
            max_dead_letters=self.max_bytes // 8,
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
            own = self._own
            with own.lock:
                writer = own.writer
                if writer is None or writer.size >= self._check_at or writer.is_torn:
                    writer = self._checked_writer()
                if writer is None:
                    self._drop()
                    return False
                # As `writer.append`, whose call takes 600 instructions.
                size = os.write(writer.descriptor, line)
                if size != len(line):
                    raise writer.taken_back(size, line)
                writer.size += size
                self._appended += 1
                if self._syncs_always:
                    own.sync_record(writer)
        except OSError as error:
            self._counters.add("dropped", "disk_full" if error.errno in DISK_FULL else "journal")
            self._outage.lost(self._appended)
            self._report("journal", "Records are lost ({number})", error, number=1)
            return False
        return True

    def _drop(self) -> None:
        self._counters.add("dropped", "journal_full")
        self._outage.lost(self._appended)
        self._throttle.log(
            logging.ERROR,
            "journal_full",
            f"New records are dropped ({{number}}): the journal in {self.folder} has reached "
            f"CHEST_JOURNAL_MAX_BYTES={self.max_bytes}",
            number=1,
        )

    def _checked_writer(self) -> SegmentWriter | None:
        """Return the segment to write to, if need be a new one; None when the journal is full."""
        self._access.check()
        now = time.monotonic()
        if self._full_until is not None and now < self._full_until:
            return None
        if now >= self._no_check_before and not self._retention.make_room():
            # Nobody may delete a segment that is written to; all of ours may be delivered.
            self._own.retire()
            if not self._retention.make_room():
                self._full_until = now + _FULL_SECONDS
                return None
        self._full_until = None
        writer = old = self._own.writer
        segment_bytes = min(MAX_SEGMENT_BYTES, self.max_bytes // 16)
        if writer is None or writer.is_torn or writer.size >= segment_bytes:
            # While no new one can be made, each record comes here, and must not wait for a scan
            # of the whole folder.
            self._no_check_before = now + _FULL_SECONDS
            writer = self._own.rotate()
            if writer is not old:
                self._no_check_before = 0.0
        step = min(_CHECK_BYTES, self.max_bytes // 64)
        self._check_at = min(writer.size + step, max(segment_bytes, writer.size))
        return writer

    def close(self) -> None:
        """Close the segment, store the counters, and release the locks."""
        self._maintenance.stop()
        self._own.close()
        self.resign()
        self._process.close()
        self._access.close()

    # -- Maintenance, beside the requests --------------------------------------------------------

    def start(self) -> None:
        """Start the thread that syncs, stores counters, and notices when the folder is deleted.

        Raises:
            OtherExporters: A process with other exporters uses the journal.
        """
        try:
            self._access.start()
        except OtherExporters:
            self._own.close()  # so that each record comes to the check
            raise
        self._process.start()
        self._maintenance.start()

    def _maintain(self) -> None:
        appended, self._appended_before = self._appended_before, self._appended
        self._access.keep(is_active=appended != self._appended)
        self._own.keep()
        self._process.keep()
        self._outage.notice_end(self._appended)

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

    def erase(
        self, matches: Matches, timeout_seconds: float = LEASE_SECONDS
    ) -> AbstractContextManager[Erased]:
        """Erase records, and let no process deliver in the `with` block."""
        return erase(
            self._layout,
            self._retention.followed,
            self._new_reader,
            matches,
            timeout_seconds=timeout_seconds,
            sync=self._fsync != "never",
        )

    def after_fork(self) -> None:
        """Forget the parent's segment and locks, which the parent goes on using."""
        self._own.after_fork()
        self._forget()
        self._maintenance.after_fork()
        self._export_lock.after_fork()
        self._process.after_fork()
        self._access.close()
        for reader in self._readers.values():
            reader.after_fork()

    def _report(self, kind: str, consequence: str, error: OSError, number: int = 0) -> None:
        self._throttle.log(
            logging.ERROR,
            kind,
            f"{consequence}: the journal in {self.folder} cannot be used: {error}",
            error,
            number=number,
        )

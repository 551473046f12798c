"""The journal in memory, for places without a disk to write to.

A record is lost when its process ends before it is delivered. The loss window is one export
interval, plus the length of an outage.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from flask_chest.journal.chunk import Chunk, Part, with_token
from flask_chest.journal.interface import (
    LEASE_SECONDS,
    DeadLetter,
    Erased,
    Journal,
    Matches,
    Reader,
    Rejections,
    WhenFull,
)
from flask_chest.journal.leases import Leases
from flask_chest.runtime.attempts import shown

if TYPE_CHECKING:
    from flask_chest.runtime.counters import Counters
    from flask_chest.runtime.log import Throttle

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes that wait for one exporter, unless CHEST_JOURNAL_MAX_BYTES says otherwise."""

_SEGMENT: Final = "memory"


class MemoryJournal(Journal):
    """Keeps records in this process alone. Each process delivers its own.

    Args:
        exporters: Names of all configured exporters.
        max_bytes: Most bytes that wait for one exporter.
        when_full: Which records are dropped to stay below.
    """

    def __init__(
        self,
        exporters: Iterable[str],
        counters: Counters,
        throttle: Throttle,
        *,
        max_bytes: int = MAX_BYTES,
        when_full: WhenFull = "drop_oldest",
    ) -> None:
        self.max_bytes = max_bytes
        self._readers = {
            name: MemoryReader(name, max_bytes, when_full, counters, throttle) for name in exporters
        }
        self._lock = threading.Lock()
        self._appended = 0

    def start(self) -> None:
        """Do nothing: there is nothing to maintain."""

    @property
    def appended(self) -> int:
        """Records kept by this process."""
        return self._appended

    def append(self, line: bytes) -> bool:
        """Keep one record for each exporter; the bytes are shared."""
        with self._lock:
            self._appended += 1
        for reader in self._readers.values():
            reader.add(line)
        return True

    def reader(self, exporter: str) -> MemoryReader:
        """Return the reader of one of the exporters named at the start."""
        return self._readers[exporter]

    def try_lead(self) -> bool:
        """Return True: no other process sees these records."""
        return True

    def resign(self) -> None:
        """Do nothing: no other process can take over."""

    def prune(self) -> None:
        """Do nothing: a delivered record is gone already."""

    @contextlib.contextmanager
    def erase(self, matches: Matches, timeout_seconds: float = LEASE_SECONDS) -> Iterator[Erased]:
        """Erase records of this process, and let no thread deliver in the `with` block."""
        with Leases(lambda: self._readers, time.monotonic() + timeout_seconds) as leases:
            leases.take()
            gone: dict[int, bytes] = {}
            for reader in self._readers.values():
                gone.update(reader.erase(matches))
            yield Erased(waiting=len(gone))

    def close(self) -> None:
        """Say how much is lost with the process, unless it is delivered before its end."""
        for reader in self._readers.values():
            reader.say_what_waits()

    def after_fork(self) -> None:
        """Leave the parent's records to the parent."""
        self._lock = threading.Lock()
        self._appended = 0
        for reader in self._readers.values():
            reader.after_fork()


class MemoryReader(Reader):
    """The records that wait for one exporter."""

    def __init__(
        self,
        exporter: str,
        max_bytes: int,
        when_full: WhenFull,
        counters: Counters,
        throttle: Throttle,
    ) -> None:
        self._exporter = exporter
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._counters = counters
        self._throttle = throttle
        self.after_fork()

    def after_fork(self) -> None:
        """Start empty, as at the beginning."""
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._lease = threading.Lock()
        self._lines: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._last_rejection: str | None = None
        self._passed = 0  # bytes that were removed at the front, delivered or dropped
        self._fixed: list[Chunk] = []
        self._is_blocked = False

    def add(self, line: bytes) -> None:
        """Keep one record, and drop some when there are too many bytes."""
        dropped = 0
        with self._lock:
            if self._when_full == "drop_newest" and self._bytes + len(line) > self._max_bytes:
                dropped = 1
            else:
                self._lines.append((time.monotonic(), line))
                self._bytes += len(line)
            while self._bytes > self._max_bytes:
                self._pop()
                dropped += 1
        if dropped:
            self._counters.add(f"dropped {self._exporter}", "memory_full", dropped)
            self._throttle.log(
                logging.ERROR,
                f"memory_full {self._exporter}",
                f"Records are lost ({{number}}): {self._bytes} bytes wait in memory for exporter "
                f"{self._exporter!r}, and no more may (CHEST_JOURNAL_MAX_BYTES)",
                number=dropped,
            )

    def _pop(self) -> None:
        _, line = self._lines.popleft()
        self._bytes -= len(line)
        self._passed += len(line)

    @contextlib.contextmanager
    def lease(self) -> Iterator[bool]:
        """Hold the lock that keeps two threads from delivering the same records at once."""
        lock = self._lease  # `after_fork` and `break_lease` replace it
        held = lock.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def break_lease(self) -> None:
        """Let the next thread have a lock of its own."""
        self._lease = threading.Lock()

    def chunks(
        self, max_records: int, max_bytes: int, *, min_records: int = 1, fixed: bool = False
    ) -> Iterator[Chunk]:
        """Yield what waits at this moment, first what was fixed before."""
        self._is_blocked = False
        for before in tuple(self._fixed):
            chunk = self._again(before)
            if chunk is None:
                self.acknowledge(before)
            elif not self._is_blocked:
                yield chunk
        with self._lock:
            last = self._passed + self._bytes
        while not self._is_blocked:
            chunk, is_last = self._first(max_records, max_bytes, last)
            if chunk is None or (is_last and 0 < chunk.count < min_records):
                return
            if not chunk.count:
                self.acknowledge(chunk)
                continue
            if fixed:
                chunk = with_token(chunk)
                self._fixed.append(chunk)
            yield chunk

    def _first(self, max_records: int, max_bytes: int, last: int) -> tuple[Chunk | None, bool]:
        """Return the oldest records, and whether there is room for more of them in the chunk."""
        with self._lock:
            start = self._passed
            taken: list[bytes] = []
            size = 0
            is_last = True
            for _, line in self._lines:
                new = size + len(line)
                if start + new > last:
                    break  # it came later
                if len(taken) == max_records or (taken and new > max_bytes):
                    is_last = False
                    break
                taken.append(line)
                size = new
        if not taken:
            return None, True
        is_last = is_last and len(taken) < max_records
        return Chunk.of(b"".join(taken), (Part(_SEGMENT, start, start + size),)), is_last

    def _again(self, chunk: Chunk) -> Chunk | None:
        """Return what is left of a fixed chunk; None when all of it was dropped or erased."""
        [part] = chunk.parts
        with self._lock:
            at = self._passed
            start = max(at, part.start)
            taken: list[bytes] = []
            for _, line in self._lines:
                if at >= part.end:
                    break
                if at >= start:
                    taken.append(line)
                at += len(line)
        left = Chunk.of(b"".join(taken), (Part(_SEGMENT, start, part.end),), chunk.token)
        self._fixed[self._fixed.index(chunk)] = left
        return left if left.count else None

    def halve(self, chunk: Chunk) -> tuple[Chunk, Chunk]:
        """Split a chunk in two."""
        first, second = chunk.halves()
        if chunk.token:
            first, second = with_token(first), with_token(second)
            at = self._fixed.index(chunk)
            self._fixed[at : at + 1] = [first, second]
        return first, second

    def acknowledge(self, chunk: Chunk) -> None:
        """Forget the records up to the end of `chunk`."""
        end = chunk.parts[-1].end
        with self._lock:
            while self._lines and self._passed < end:
                self._pop()
        self._fixed = [each for each in self._fixed if each.parts[-1].end > end]

    def block(self, chunk: Chunk) -> None:  # noqa: ARG002 - there is but one segment
        """Pass over everything until the next call of `chunks`."""
        self._is_blocked = True

    def is_blocked(self, chunk: Chunk) -> bool:  # noqa: ARG002 - as above
        """Return whether everything is passed over."""
        return self._is_blocked

    def dead_letter(self, line: bytes, error: Exception) -> None:
        """Log the refusal: there is no disk to keep the record on."""
        self._last_rejection = shown(f"{type(error).__name__}: {error}")
        self._throttle.log(
            logging.ERROR,
            f"rejected {self._exporter}",
            f"The exporter {self._exporter!r} refused a record of {len(line)} bytes, which is "
            f"lost because the journal is in memory: {error}",
            error,
        )

    def quarantine(self, chunk: Chunk, reason: str) -> None:
        """Log it: there is no disk to keep the line on."""
        self._counters.add(f"dropped {self._exporter}", "malformed")
        self._throttle.log(
            logging.ERROR,
            "malformed",
            f"Lines that are no records are lost ({{number}}): {len(chunk.lines)} bytes, {reason}",
            number=1,
        )

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield nothing: a refused record is not kept."""
        return iter(())

    def newest_dead_letters(self, limit: int) -> list[DeadLetter]:  # noqa: ARG002 - there are none
        """Return none: a refused record is not kept."""
        return []

    def drop_dead_letters(self, ids: Collection[str]) -> int:  # noqa: ARG002 - there are none
        """Do nothing: there are none."""
        return 0

    def renew_dead_letters(self, errors: Mapping[str, Exception]) -> int:  # noqa: ARG002 - as above
        """Do nothing: there are none."""
        return 0

    def erase(self, matches: Matches) -> dict[int, bytes]:
        """Remove records that wait. Needs the lease.

        Returns:
            Them, by what tells each apart from the others, as all exporters share the bytes.
        """
        with self._lock:
            waiting = list(self._lines)
        gone = {id(line): line for _, line in waiting if matches(from_json(line))}
        if gone:
            with self._lock:  # some may have been dropped, and others added
                self._remove(gone)
        return gone

    def _remove(self, gone: Collection[int]) -> None:
        kept = deque[tuple[float, bytes]]()
        removed: list[tuple[int, int]] = []
        at = self._passed
        for each in self._lines:
            size = len(each[1])
            if id(each[1]) in gone:
                removed.append((at, size))
            else:
                kept.append(each)
            at += size
        self._lines = kept
        self._bytes = sum(len(line) for _, line in kept)

        def moved(offset: int) -> int:
            return offset - sum(size for at, size in removed if at < offset)

        self._fixed = [
            replace(chunk, parts=(Part(_SEGMENT, moved(part.start), moved(part.end)),))
            for chunk in self._fixed
            for part in chunk.parts
        ]

    def say_what_waits(self) -> None:
        """Log how many records have not been delivered, as nobody else has them."""
        if waiting := self.pending_records():
            self._throttle.log(
                logging.ERROR,
                f"memory_ends {self._exporter}",
                f"Records end with this process ({{number}}): they wait in memory for the exporter "
                f"{self._exporter!r}, which did not get them in time (CHEST_SHUTDOWN_SECONDS)",
                number=waiting,
            )

    def pending(self) -> tuple[int, float]:
        """Return the bytes that wait, and the age in seconds of the oldest record."""
        with self._lock:
            if not self._lines:
                return 0, 0.0
            return self._bytes, time.monotonic() - self._lines[0][0]

    def pending_records(self) -> int:
        """Return how many records wait."""
        return len(self._lines)

    def rejections(self) -> Rejections:
        """Return the error of the newest record that was refused: there is no disk to keep any."""
        return Rejections(last_error=self._last_rejection)

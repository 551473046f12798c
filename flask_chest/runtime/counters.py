"""Counters, of one process or of a host, and the objects that `chest.stats()` returns."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from flask_chest.runtime.attempts import Attempts

Counts: TypeAlias = dict[str, dict[str, int]]
"""Events by kind and reason. A kind without reasons has the empty one."""

MAX_NAMES: Final = 1_000
OTHER_NAMES: Final = "…"
"""Stands for all names beyond the first thousand of one kind."""


@dataclass(frozen=True)
class HookTime:
    """How long calls of one hook of one plugin took in this process.

    Attributes:
        calls_timed: How many calls were timed: one of 61 in requests, and every one in an
            exporter's thread.
        mean_ms: Mean of these, in milliseconds.
        max_ms: The longest of these, in milliseconds.
    """

    calls_timed: int
    mean_ms: float
    max_ms: float


@dataclass(frozen=True)
class ExporterStats:
    """What was delivered to one exporter, and how far behind it is.

    What counts events is that of the host or of one process, as `Stats.scope` says. What waits, and
    what is dead-lettered, is that of the host in both. While the journal cannot be read, it is what
    this process read last.

    Attributes:
        delivered: Records committed. One that is sent again counts once, but for a kill while the
            disk was too full to store the cursor.
        rejected: Records that the database refused and that were dead-lettered.
        failures: Attempts that failed; each is retried.
        dropped: Records that were dropped before the exporter had them, by reason:
            ``journal_full`` and ``memory_full`` (above CHEST_JOURNAL_MAX_BYTES; one whose delivery
            was under way may have arrived), ``dead_letters_full`` (a refused one), ``malformed``
            (a line that is no record, which is quarantined).
        pending_bytes: Journal bytes that still wait for this exporter.
        lag_seconds: For how long the oldest waiting record has been there; 0.0 when nothing waits.
        last_error: Text of the newest failure, without passwords; None after a success.
        pending_records: Records that wait for this exporter.
        dead_letters: Records among the dead letters of this exporter now.
        dead_letter_bytes: Size of these.
        last_rejection: Error of the newest dead letter, without passwords; None without any.
        purged: Records that its retention has deleted.
        failing_since: When the first of the failures in a row was; None after a success.
        next_retry_at: When the next attempt is due; None when nothing failed.
        last_delivery_at: When records were committed last; None before the first.
    """

    delivered: int
    rejected: int
    failures: int
    dropped: dict[str, int]
    pending_bytes: int
    lag_seconds: float
    last_error: str | None
    pending_records: int = 0
    dead_letters: int = 0
    dead_letter_bytes: int = 0
    last_rejection: str | None = None
    purged: int = 0
    failing_since: datetime | None = None
    next_retry_at: datetime | None = None
    last_delivery_at: datetime | None = None


NO_EXPORTS: Final = ExporterStats(
    delivered=0,
    rejected=0,
    failures=0,
    dropped={},
    pending_bytes=0,
    lag_seconds=0.0,
    last_error=None,
)
"""Of an exporter that does nothing."""


@dataclass(frozen=True)
class Leader:
    """The process that delivers for the host.

    Attributes:
        pid: Its process ID.
        since: Since when it is the leader.
    """

    pid: int
    since: datetime


@dataclass(frozen=True)
class JournalStats:
    """What the journal's folder holds.

    Attributes:
        path: Of the folder.
        size_bytes: Segments, dead letters and what is quarantined, together.
        max_bytes: CHEST_JOURNAL_MAX_BYTES.
        disk_free_bytes: What the disk of the folder has free; None when there has been no folder
            yet, or its file system does not say it.
    """

    path: str
    size_bytes: int
    max_bytes: int
    disk_free_bytes: int | None = None


@dataclass(frozen=True)
class Stats:
    """Counters of the host or of one process, as `chest.stats()` returns them.

    Those of the host count all processes that share the journal, ended ones included. A process
    that ends without Python's exit functions takes the last second of its own with it.

    Attributes:
        recorded: Records handed to the journal.
        dropped: Records lost to all exporters, by reason: ``disk_full``, ``journal`` (it could
            not be written for another reason), ``journal_full`` (above CHEST_JOURNAL_MAX_BYTES),
            ``capture`` (a fault in capture itself). And what is quarantined in the journal's
            folder ``damaged``: ``torn`` (half a line left by a killed process, whose client got
            no answer) and ``damaged`` (a whole segment that cannot be read).
        request_ids_replaced: Unusable request IDs from a generator, a plugin or a header.
        variables_skipped: Values that a pattern matched and that are not data.
        capture_errors: Faults in capture itself, and exceptions of CHEST_KEEP_IF. The request
            went on.
        plugin_errors: Exceptions raised by plugins, by ``plugin: hook``, such as
            ``geo: chest_filter_variables``.
        suppressed: Requests and jobs that were not recorded because of `chest.drop_request()`,
            `Job.drop()`, `chest.suppressed()` or CHEST_OPT_OUT.
        excluded: Requests that were tracked and not recorded, by reason: ``path``
            (CHEST_EXCLUDE_PATHS), ``status`` (CHEST_EXCLUDE_STATUS), ``hook``
            (`chest_drop_record`).
        sampled_out: Requests and jobs that sampling or CHEST_MAX_RECORDS_PER_SECOND dropped; the
            weights of those that were kept count them.
        redacted: Values that were masked, by name of the variable, or ``variable.key`` for a key
            within it. Beyond a thousand names the others are counted under ``…``.
        exporters: One entry for each configured exporter, by name.
        hook_times: How long hooks of plugins take, by ``plugin: hook``; only those called.
        scope: ``host`` for all processes that share the journal, now and before; ``process`` for
            this one alone.
        processes: Processes that use the journal now: each from its first request or job on.
        leader: The process that delivers; None when there is none, or nobody knows.
        journal: Size of the journal; None for one in memory.
        mode: What keeps records from being delivered now, in a sentence: TESTING, or CHEST_ENABLED.
            Empty for nothing.
    """

    recorded: int
    dropped: dict[str, int]
    request_ids_replaced: int
    variables_skipped: int
    capture_errors: int
    plugin_errors: dict[str, int]
    suppressed: int
    sampled_out: int
    excluded: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    exporters: dict[str, ExporterStats] = field(default_factory=dict)
    hook_times: dict[str, HookTime] = field(default_factory=dict)
    scope: Literal["host", "process"] = "process"
    processes: int = 1
    leader: Leader | None = None
    journal: JournalStats | None = None
    mode: str = ""


class Counters:
    """Counts events from any thread. Only rare events are counted here, under a lock.

    Attributes:
        attempts: How the last attempts to deliver ended, by exporter.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may close what it interrupts
        self._counts: Counter[tuple[str, str]] = Counter()
        self.attempts: dict[str, Attempts] = {}

    def add(self, what: str, reason: str = "", number: int = 1) -> None:
        """Count `number` events of the kind `what`, split by `reason`."""
        with self._lock:
            self._counts[what, reason] += number

    def total(self, what: str, reason: str = "") -> int:
        """Return the count of one kind and reason."""
        return self._counts[what, reason]

    def by_reason(self, what: str) -> dict[str, int]:
        """Return the counts of one kind, by reason."""
        with self._lock:
            return {reason: n for (kind, reason), n in self._counts.items() if kind == what}

    def snapshot(self) -> Counts:
        """Return all counts, by kind and reason."""
        with self._lock:
            counts = dict(self._counts)
        found: Counts = {}
        for (kind, reason), number in counts.items():
            found.setdefault(kind, {})[reason] = number
        return found

    def failed(self, exporter: str, error: str, retry_seconds: float) -> None:
        """Count an attempt to deliver that failed, and remember it."""
        self.add("failures", exporter)
        self.attempts[exporter] = self._attempts(exporter).failed(error, retry_seconds)

    def succeeded(self, exporter: str) -> None:
        """Remember an attempt to deliver that did not fail."""
        self.attempts[exporter] = self._attempts(exporter).succeeded()

    def delivered(self, exporter: str, number: int) -> None:
        """Count records that an exporter has committed, and remember when."""
        self.add("delivered", exporter, number)
        self.attempts[exporter] = self._attempts(exporter).delivered()

    def _attempts(self, exporter: str) -> Attempts:
        return self.attempts.get(exporter, Attempts())

    def after_fork(self) -> None:
        """Start from zero in a forked child, whose parent keeps its own counts."""
        self._lock = threading.RLock()
        self._counts = Counter()
        self.attempts = {}


def add_counts(counts: Counts, more: Mapping[str, Mapping[str, int]]) -> None:
    """Add `more` to `counts`, which has at most a thousand names of each kind and the rest."""
    for kind, reasons in more.items():
        into = counts.setdefault(kind, {})
        for reason, number in reasons.items():
            name = reason if reason in into or len(into) < MAX_NAMES else OTHER_NAMES
            into[name] = into.get(name, 0) + number


def subtract_counts(counts: Counts, less: Mapping[str, Mapping[str, int]]) -> Counts:
    """Return what `counts` has more than `less`, without what it has not."""
    return {
        kind: rest
        for kind, reasons in counts.items()
        if (rest := _more(reasons, less.get(kind, {})))
    }


def _more(reasons: Mapping[str, int], less: Mapping[str, int]) -> dict[str, int]:
    found = ((reason, number - less.get(reason, 0)) for reason, number in reasons.items())
    return {reason: number for reason, number in found if number > 0}


def sum_counts(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> Counts:
    """Return the sum of several counts."""
    total: Counts = {}
    for part in parts:
        add_counts(total, part)
    return total

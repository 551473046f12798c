"""Judge the counters of a host by the thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from flask_chest import ExporterStats, Stats
    from flask_chest_monitor.config import MonitorSettings

_LEADER_SECONDS: Final = 30.0
"""So long, records may wait for a leader: the first is there an interval after the start."""

_LITTLE_BYTES: Final = 8 * 1024 * 1024
"""With less free, `flask chest check` calls it an error, too: a process fills as much at once."""

_UNWRITTEN: Final = ("disk_full", "journal", "journal_full")
"""Reasons for which records are lost while the journal takes none."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        level: ``warning``, or ``error`` for what exceeds a threshold or loses records.
        subject: ``journal``, ``disk``, ``records``, ``settings``, ``leader``, or the name of an
            exporter.
        text: What was found.
    """

    level: Literal["warning", "error"]
    subject: str
    text: str


def health(
    stats: Stats, journal_fault: str | None, settings: MonitorSettings
) -> tuple[dict[str, Any], bool]:
    """Return what the view `health` shows, and whether nothing is an error.

    Args:
        stats: Of the host.
        journal_fault: Why the journal can take no record; None when it can.
        settings: Have the thresholds.
    """
    found = [*_of_journal(stats, journal_fault, settings), *_of_host(stats, settings)]
    for name, exporter in stats.exporters.items():
        found += _of_exporter(name, exporter, settings)
    levels = {finding.level for finding in found}
    status = "error" if "error" in levels else "warning" if levels else "ok"
    shown = {
        "status": status,
        "findings": [asdict(finding) for finding in found],
        "journal_fault": journal_fault,
        **_json(asdict(stats)),
    }
    del shown["hook_times"]  # of whichever process answers
    return shown, status != "error"


def _of_journal(
    stats: Stats, journal_fault: str | None, settings: MonitorSettings
) -> Iterator[Finding]:
    if journal_fault is not None:
        lost = sum(stats.dropped.get(reason, 0) for reason in _UNWRITTEN)
        already = f", and {lost:,} have been dropped" if lost else ""
        yield Finding("error", "journal", f"No record can be kept{already}: {journal_fault}")
    journal, share = stats.journal, settings.monitor_max_journal_share
    if journal is None or not journal.max_bytes:
        return
    yield from _of_disk(journal.disk_free_bytes, journal.max_bytes - journal.size_bytes)
    if share is None:
        return
    if journal.size_bytes > share * journal.max_bytes:
        every = [stats.dropped, *(exporter.dropped for exporter in stats.exporters.values())]
        lost = sum(dropped.get("journal_full", 0) for dropped in every)
        yield Finding(
            "error",
            "journal",
            f"{journal.size_bytes:,} of {journal.max_bytes:,} bytes are in use, above {share:.0%}. "
            + (f"{lost:,} records have been dropped" if lost else "Records are dropped at 100%"),
        )


def _of_disk(free: int | None, needed: int) -> Iterator[Finding]:
    """Yield whether the disk is full before the journal is at its limit.

    Args:
        free: Bytes that the disk has free; None when nobody knows.
        needed: Bytes by which the journal may still grow.
    """
    if free is None or free >= needed:
        return
    is_soon = free < min(needed, _LITTLE_BYTES)
    yield Finding(
        "error" if is_soon else "warning",
        "disk",
        f"{free:,} bytes are free on the disk of the journal, which may still grow by {needed:,}. "
        + (
            f"Records are dropped {'soon' if free else 'now'}: make room"
            if is_soon
            else "Make room, or lower CHEST_JOURNAL_MAX_BYTES"
        ),
    )


def _of_host(stats: Stats, settings: MonitorSettings) -> Iterator[Finding]:
    if stats.mode:
        yield Finding("warning", "settings", stats.mode)
    dropped = sum(stats.dropped.values()) + sum(
        sum(exporter.dropped.values()) for exporter in stats.exporters.values()
    )
    if settings.monitor_max_dropped is not None and dropped > settings.monitor_max_dropped:
        yield Finding(
            "error",
            "records",
            f"{dropped:,} have been dropped, above {settings.monitor_max_dropped:,}",
        )
    lag = max((exporter.lag_seconds for exporter in stats.exporters.values()), default=0.0)
    if stats.scope == "host" and stats.leader is None and lag > _LEADER_SECONDS:
        yield Finding("warning", "leader", f"No process has delivered for {lag:,.0f} s")


def _of_exporter(name: str, stats: ExporterStats, settings: MonitorSettings) -> Iterator[Finding]:
    if stats.last_error is not None:
        yield Finding("warning", name, f"Cannot deliver; the records wait: {stats.last_error}")
    if (limit := settings.monitor_max_lag_seconds) is not None and stats.lag_seconds > limit:
        yield Finding(
            "error",
            name,
            f"{stats.pending_records:,} records wait, the oldest for {stats.lag_seconds:,.0f} s, "
            f"above {limit:g} s",
        )
    if stats.dead_letters:
        most = settings.monitor_max_dead_letters
        is_error = most is not None and stats.dead_letters > most
        yield Finding(
            "error" if is_error else "warning",
            name,
            f"{stats.dead_letters:,} dead letters{f', above {most:,}' if is_error else ''}: "
            f"{stats.last_rejection or 'no error is known'}",
        )


def _json(value: Any) -> Any:  # noqa: ANN401 - any part of the counters
    """Return a part of the counters as JSON values: times as ISO 8601."""
    if isinstance(value, dict):
        return {key: _json(inner) for key, inner in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value

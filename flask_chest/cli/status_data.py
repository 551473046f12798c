"""What `flask chest status --json` prints. The names are stable: docs/reference/status.md."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from flask_chest.errors import mask_secrets

if TYPE_CHECKING:
    from flask_chest.cli.journal_state import JournalState
    from flask_chest.runtime.counters import ExporterStats, Stats


def status_data(stats: Stats, state: JournalState | None) -> dict[str, Any]:
    """Return the counters of a host as JSON values, times as ISO 8601 in UTC.

    Args:
        stats: The counters.
        state: What was found of the journal's folder; None when there is none.
    """
    leader, journal = stats.leader, stats.journal
    return {
        "at": _time(datetime.now(timezone.utc)),
        "scope": stats.scope,
        "processes": stats.processes,
        "leader": None if leader is None else {"pid": leader.pid, "since": _time(leader.since)},
        "journal": None
        if journal is None
        else {
            "path": journal.path,
            "size_bytes": journal.size_bytes,
            "max_bytes": journal.max_bytes,
            "is_there": state is None or state.is_there,
            "disk_free_bytes": journal.disk_free_bytes,
            "fault": None if state is None else state.fault,
        },
        "recorded": stats.recorded,
        "dropped": stats.dropped,
        "sampled_out": stats.sampled_out,
        "suppressed": stats.suppressed,
        "excluded": stats.excluded,
        "redacted": stats.redacted,
        "request_ids_replaced": stats.request_ids_replaced,
        "variables_skipped": stats.variables_skipped,
        "capture_errors": stats.capture_errors,
        "plugin_errors": stats.plugin_errors,
        "exporters": {name: _exporter(each) for name, each in stats.exporters.items()},
    }


def _exporter(stats: ExporterStats) -> dict[str, Any]:
    return {
        "pending_records": stats.pending_records,
        "pending_bytes": stats.pending_bytes,
        "lag_seconds": round(stats.lag_seconds, 3),
        "delivered": stats.delivered,
        "rejected": stats.rejected,
        "failures": stats.failures,
        "dropped": stats.dropped,
        "purged": stats.purged,
        "last_delivery_at": _time(stats.last_delivery_at),
        "last_error": _text(stats.last_error),
        "failing_since": _time(stats.failing_since),
        "next_retry_at": _time(stats.next_retry_at),
        "dead_letters": stats.dead_letters,
        "dead_letter_bytes": stats.dead_letter_bytes,
        "last_rejection": _text(stats.last_rejection),
    }


def _text(text: str | None) -> str | None:
    return None if text is None else mask_secrets(text)


def _time(when: datetime | None) -> str | None:
    return None if when is None else time_text(when)


def time_text(when: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, with milliseconds."""
    return when.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

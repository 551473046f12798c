"""Makes the objects that `chest.stats()` returns, from counters and from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask_chest.runtime.attempts import Attempts, moment
from flask_chest.runtime.counters import Counts, ExporterStats, HookTime, Stats

if TYPE_CHECKING:
    from flask_chest.journal.host import Host
    from flask_chest.journal.interface import Reader

RECORDED = "recorded"
"""The kind of records that were handed to the journal."""


def exporter_stats(
    name: str, reader: Reader, counts: Counts, attempts: Attempts | None
) -> ExporterStats:
    """Return what was delivered to an exporter, and what waits for it.

    Args:
        name: Of the exporter.
        reader: Its reader.
        counts: Events of the host or of one process.
        attempts: How the last attempts to deliver ended; None before the first.
    """
    pending_bytes, lag_seconds = reader.pending()
    rejections = reader.rejections()
    attempts = attempts or Attempts()
    return ExporterStats(
        delivered=_of(counts, "delivered", name),
        rejected=_of(counts, "rejected", name),
        failures=_of(counts, "failures", name),
        dropped=dict(counts.get(f"dropped {name}", {})),
        pending_bytes=pending_bytes,
        lag_seconds=lag_seconds,
        last_error=attempts.last_error,
        pending_records=reader.pending_records(),
        dead_letters=rejections.number,
        dead_letter_bytes=rejections.size_bytes,
        last_rejection=rejections.last_error,
        purged=_of(counts, "purged", name),
        failing_since=moment(attempts.failing_since),
        next_retry_at=moment(attempts.next_retry_at),
        last_delivery_at=moment(attempts.delivered_at),
    )


def stats_of(
    counts: Counts,
    exporters: dict[str, ExporterStats],
    host: Host | None,
    hook_times: Mapping[str, HookTime] | None = None,
    *,
    mode: str = "",
) -> Stats:
    """Return all counters of a host or of one process.

    Args:
        counts: Events by kind and reason.
        exporters: What is known of each.
        host: All processes together; None when the events are those of one process.
        hook_times: Of this process, by ``plugin: hook``.
        mode: What keeps records from being delivered now; empty for nothing.
    """
    return Stats(
        recorded=_of(counts, RECORDED),
        dropped=dict(counts.get("dropped", {})),
        request_ids_replaced=_of(counts, "request_ids_replaced"),
        variables_skipped=_of(counts, "variables_skipped"),
        capture_errors=_of(counts, "capture_errors"),
        plugin_errors=dict(counts.get("plugin_errors", {})),
        suppressed=_of(counts, "suppressed"),
        sampled_out=_of(counts, "sampled_out"),
        excluded=dict(counts.get("excluded", {})),
        redacted=dict(counts.get("redacted", {})),
        exporters=exporters,
        hook_times=dict(hook_times or {}),
        scope="process" if host is None else "host",
        processes=1 if host is None else host.processes,
        leader=None if host is None else host.leader,
        journal=None if host is None else host.journal,
        mode=mode,
    )


def _of(counts: Counts, kind: str, reason: str = "") -> int:
    return counts.get(kind, {}).get(reason, 0)

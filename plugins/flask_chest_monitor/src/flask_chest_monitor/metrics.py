"""The metrics: their names, kinds, meanings, labels, and where each is found in the counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from flask_chest import __version__

if TYPE_CHECKING:
    from flask_chest import ExporterStats, Stats

Samples: TypeAlias = "Iterable[tuple[tuple[str, ...], float]]"
"""Values of labels, with the value of the metric."""

WRITABLE: Final = ("chest_journal_writable", "Whether the journal takes records.")
"""The one metric that is not in the counters: its name and its meaning."""

_DROPPED: Final = ("disk_full", "journal", "journal_full", "capture", "torn", "damaged")
_EXPORT_DROPPED: Final = ("journal_full", "memory_full", "dead_letters_full", "malformed")
_EXCLUDED: Final = ("path", "status", "hook")


class ChestMetric(NamedTuple):
    """One metric.

    Attributes:
        kind: A counter's samples have the suffix ``_total``, which `name` has not.
        name: After https://prometheus.io/docs/practices/naming/.
        text: Its meaning.
        labels: Names of its labels.
        samples: Finds its samples in the counters of a host.
    """

    kind: Literal["counter", "gauge"]
    name: str
    text: str
    labels: tuple[str, ...]
    samples: Callable[[Stats], Samples]


def _one(value: Callable[[Stats], float]) -> Callable[[Stats], Samples]:
    return lambda stats: [((), value(stats))]


def _with_zeros(counts: dict[str, int], known: tuple[str, ...]) -> dict[str, int]:
    """Return counts with 0 for each known reason: its first event is an increase, too."""
    return {**dict.fromkeys(known, 0), **counts}


def _by_reason(
    value: Callable[[Stats], dict[str, int]], known: tuple[str, ...]
) -> Callable[[Stats], Samples]:
    return lambda stats: [
        ((reason,), number) for reason, number in _with_zeros(value(stats), known).items()
    ]


def _by_exporter(value: Callable[[ExporterStats], float]) -> Callable[[Stats], Samples]:
    return lambda stats: [((name,), value(each)) for name, each in stats.exporters.items()]


def _last_delivery(exporter: ExporterStats) -> float:
    return 0.0 if exporter.last_delivery_at is None else exporter.last_delivery_at.timestamp()


def _export_dropped(stats: Stats) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, exporter in stats.exporters.items():
        for reason, number in _with_zeros(exporter.dropped, _EXPORT_DROPPED).items():
            yield (name, reason), number


def _plugin_errors(stats: Stats) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, number in stats.plugin_errors.items():
        plugin, _, hook = key.rpartition(": ")
        yield (plugin, hook), number


def _leader_since(stats: Stats) -> Samples:
    return [] if stats.leader is None else [((), stats.leader.since.timestamp())]


def _journal(value: Literal["size_bytes", "max_bytes"]) -> Callable[[Stats], Samples]:
    return lambda stats: [] if stats.journal is None else [((), getattr(stats.journal, value))]


def _disk_free(stats: Stats) -> Samples:
    free = None if stats.journal is None else stats.journal.disk_free_bytes
    return [] if free is None else [((), free)]


_EXPORTER: Final = ("exporter",)

METRICS: Final[tuple[ChestMetric, ...]] = (
    ChestMetric(
        "gauge",
        "chest_info",
        "Version of Flask-Chest; the value is always 1.",
        ("version",),
        lambda _stats: [((__version__,), 1)],
    ),
    ChestMetric(
        "counter",
        "chest_records",
        "Records of requests and jobs that the journal has taken.",
        (),
        _one(lambda stats: stats.recorded),
    ),
    ChestMetric(
        "counter",
        "chest_records_dropped",
        "Records that were lost to all exporters.",
        ("reason",),
        _by_reason(lambda stats: stats.dropped, _DROPPED),
    ),
    ChestMetric(
        "counter",
        "chest_records_excluded",
        "Tracked requests that a path, a status or a plugin excluded.",
        ("reason",),
        _by_reason(lambda stats: stats.excluded, _EXCLUDED),
    ),
    ChestMetric(
        "counter",
        "chest_records_sampled_out",
        "Requests and jobs that sampling left out.",
        (),
        _one(lambda stats: stats.sampled_out),
    ),
    ChestMetric(
        "counter",
        "chest_records_suppressed",
        "Requests and jobs that were not to be recorded.",
        (),
        _one(lambda stats: stats.suppressed),
    ),
    ChestMetric(
        "counter",
        "chest_values_masked",
        "Values that were masked as secrets.",
        (),
        _one(lambda stats: sum(stats.redacted.values())),
    ),
    ChestMetric(
        "counter",
        "chest_variables_skipped",
        "Values that a pattern matched and that are not data.",
        (),
        _one(lambda stats: stats.variables_skipped),
    ),
    ChestMetric(
        "counter",
        "chest_request_ids_replaced",
        "Request IDs that could not be used.",
        (),
        _one(lambda stats: stats.request_ids_replaced),
    ),
    ChestMetric(
        "counter",
        "chest_capture_errors",
        "Faults in capture itself.",
        (),
        _one(lambda stats: stats.capture_errors),
    ),
    ChestMetric(
        "counter",
        "chest_plugin_errors",
        "Exceptions of plugins, and of receivers of signals.",
        ("plugin", "hook"),
        _plugin_errors,
    ),
    ChestMetric(
        "gauge",
        "chest_processes",
        "Processes of the host that have the journal open.",
        (),
        _one(lambda stats: stats.processes),
    ),
    ChestMetric(
        "gauge",
        "chest_leaders",
        "Processes of the host that deliver: 1, or 0 when none does.",
        (),
        _one(lambda stats: float(stats.leader is not None)),
    ),
    ChestMetric(
        "gauge",
        "chest_leader_since_timestamp_seconds",
        "Unix time since when the leader is the leader.",
        (),
        _leader_since,
    ),
    ChestMetric(
        "gauge",
        "chest_journal_size_bytes",
        "Size of the journal: segments, dead letters and what is quarantined.",
        (),
        _journal("size_bytes"),
    ),
    ChestMetric(
        "gauge",
        "chest_journal_max_bytes",
        "CHEST_JOURNAL_MAX_BYTES, above which records are dropped.",
        (),
        _journal("max_bytes"),
    ),
    ChestMetric(
        "gauge",
        "chest_journal_disk_free_bytes",
        "What the disk of the journal has free; at 0, records are dropped.",
        (),
        _disk_free,
    ),
    ChestMetric(
        "counter",
        "chest_export_records",
        "Records that the database has committed.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.delivered),
    ),
    ChestMetric(
        "counter",
        "chest_export_failures",
        "Attempts to deliver that failed. The records waited.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.failures),
    ),
    ChestMetric(
        "counter",
        "chest_export_records_rejected",
        "Records that the database refused.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.rejected),
    ),
    ChestMetric(
        "counter",
        "chest_export_records_dropped",
        "Records that were dropped before the exporter had them.",
        ("exporter", "reason"),
        _export_dropped,
    ),
    ChestMetric(
        "counter",
        "chest_export_records_purged",
        "Records that the retention of the exporter has deleted.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.purged),
    ),
    ChestMetric(
        "gauge",
        "chest_export_failing",
        "Whether the newest attempt to deliver failed.",
        _EXPORTER,
        _by_exporter(lambda exporter: float(exporter.last_error is not None)),
    ),
    ChestMetric(
        "gauge",
        "chest_export_last_delivery_timestamp_seconds",
        "When records were delivered last, as Unix time; 0 before the first.",
        _EXPORTER,
        _by_exporter(_last_delivery),
    ),
    ChestMetric(
        "gauge",
        "chest_export_lag_seconds",
        "For how long the oldest waiting record has been there.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.lag_seconds),
    ),
    ChestMetric(
        "gauge",
        "chest_export_backlog_records",
        "Records that wait for the exporter.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.pending_records),
    ),
    ChestMetric(
        "gauge",
        "chest_export_backlog_bytes",
        "Bytes of the journal that wait for the exporter.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.pending_bytes),
    ),
    ChestMetric(
        "gauge",
        "chest_dead_letters",
        "Records among the dead letters of the exporter now.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.dead_letters),
    ),
    ChestMetric(
        "gauge",
        "chest_dead_letters_size_bytes",
        "Size of the dead letters of the exporter.",
        _EXPORTER,
        _by_exporter(lambda exporter: exporter.dead_letter_bytes),
    ),
)

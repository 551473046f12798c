"""The counters of a host, read from its journal without an application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError
from flask_chest.journal.host import Host, host_of
from flask_chest.journal.in_use import exporter_of, names_in_use
from flask_chest.journal.layout import Layout
from flask_chest.journal.line_counts import LineCounts
from flask_chest.journal.quarantine import Quarantine
from flask_chest.journal.reader import DiskReader
from flask_chest.journal.retention import size_of
from flask_chest.journal.room import room_of
from flask_chest.journal.stats import exporter_stats, stats_of
from flask_chest.journal.total import read_all
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

if TYPE_CHECKING:
    from flask_chest.runtime.counters import ExporterStats, Stats


def read_host(folder: Path) -> Stats:
    """Return the counters of a host from its journal alone. Nothing is written there.

    The exporters are those that processes have, or had last, and those that have dead letters.

    Args:
        folder: Of the journal.

    Raises:
        ConfigurationError: There is no such folder, or it cannot be trusted or read.
    """
    layout = Layout(folder)
    at = f"CHEST_JOURNAL={str(folder)!r}"
    try:
        if not layout.is_there():
            raise ConfigurationError(f"{at} does not exist", setting="CHEST_JOURNAL")
        living, ended = read_all(layout.processes, None, lambda _name, _error: None)
        host = host_of(
            living,
            ended,
            path=str(folder),
            size_bytes=size_of(layout),
            disk_free_bytes=room_of(folder).free_bytes,
        )
        return stats_of(host.counts, _exporters(layout, host), host)
    except OSError as error:
        raise ConfigurationError(
            f"{at} cannot be read: {error.strerror or error}", setting="CHEST_JOURNAL"
        ) from error
    finally:
        layout.close()


def _exporters(layout: Layout, host: Host) -> dict[str, ExporterStats]:
    counters, throttle = Counters(), Throttle()
    quarantine = Quarantine(layout.damaged, 0, counters, throttle)
    lines = LineCounts(layout.segments), LineCounts(layout.dead_letters)
    found = {}
    for name in _names(layout):
        reader = DiskReader(  # of which only what writes nothing is called
            layout,
            name,
            quarantine=quarantine,
            max_dead_letters=0,
            sync=False,
            lines=lines,
            counters=counters,
            throttle=throttle,
        )
        found[name] = exporter_stats(name, reader, host.counts, host.attempts.get(name))
    return found


def _names(layout: Layout) -> list[str]:
    """Return the names of the exporters of a host.

    Raises:
        OSError: A folder cannot be read.
    """
    names = {exporter_of(file) for file in names_in_use(layout.cursors)}
    if not names:  # an older release has no such files
        names = _stems(layout.cursors.names(), ".json")
    return sorted(names | _stems(layout.dead_letters.names(), ".jsonl"))


def _stems(files: list[str], suffix: str) -> set[str]:
    return {file.removesuffix(suffix) for file in files if file.endswith(suffix)}

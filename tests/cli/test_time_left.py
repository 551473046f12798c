"""`status` says in an outage when the journal is full."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flask_chest.cli.status import lines
from flask_chest.runtime.counters import ExporterStats, JournalStats, Leader, Stats

MIB = 1024 * 1024
LEADER = Leader(1, datetime.now(timezone.utc))


def exporter(mib, hours, error="away"):
    return ExporterStats(0, 0, 0, {}, int(mib * MIB), hours * 3_600, error)


def told(*exporters, size_mib=100, free_mib=None, leader=LEADER, max_mib=1_000):
    free = None if free_mib is None else free_mib * MIB
    stats = Stats(
        *(0, {}, 0, 0, 0, {}, 0, 0),
        exporters={str(number): each for number, each in enumerate(exporters)},
        leader=leader,
        journal=JournalStats("/srv/chest", size_mib * MIB, max_mib * MIB, free),
    )
    return [line[16:] for line in lines(stats, None) if line.startswith("time left")]


def test_the_growth_since_the_failure_says_when_the_journal_is_at_its_limit():
    assert told(exporter(100, 1)) == ["about 9 h, until the journal is at its limit"]
    assert told(exporter(100, 2)) == ["about 18 h, until the journal is at its limit"]


def test_a_disk_that_is_smaller_than_the_limit_is_full_before():
    assert told(exporter(100, 1), free_mib=50) == ["about 30 min, until its disk is full"]
    assert told(exporter(100, 1), free_mib=5_000) == told(exporter(100, 1))


def test_the_exporter_that_is_away_decides():
    behind = exporter(500, 1, error=None)
    assert told(behind, exporter(100, 1)) == told(exporter(100, 1))
    assert told(exporter(10, 1), exporter(100, 1)) == told(exporter(100, 1))


def test_it_is_said_when_no_process_delivers():
    assert told(exporter(100, 1, error=None), leader=None) == told(exporter(100, 1))


@pytest.mark.parametrize(
    ("case", "options"),
    [
        (exporter(100, 1, error=None), {}),
        (exporter(1, 0.01), {}),
        (exporter(0, 0.0), {}),
        (exporter(100, 1), {"size_mib": 1_000}),
        (exporter(100, 1), {"free_mib": 0}),
        (exporter(100, 1), {"max_mib": 0}),
    ],
    ids=["delivers", "for a moment", "nothing waits", "at the limit", "disk full", "no limit"],
)
def test_else_nothing_is_said(case, options):
    assert told(case, **options) == []

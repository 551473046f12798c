"""Fifty hosts and a billion records a day: the arithmetic, and a simulation of an outage.

Run by `make bench-scale`, which writes docs/explanation/scale.md. First it measures what a record
costs each store. Then it multiplies, and simulates fifty leaders that deliver to one PostgreSQL,
with the costs that `make bench-delivery` has measured for a whole delivery.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import scale_check
from benchmarks.scale_costs import DATABASES, Cost, measure
from benchmarks.scale_scenario import Costs, Outcome, Scenario
from benchmarks.scale_simulation import simulate
from benchmarks.shared import report
from flask_chest.exporter import Batching

PAGE: Final = report.DOCS / "explanation" / "scale.md"
HOSTS: Final = 50
A_DAY: Final = 1e9
PEAK: Final = 3.0
RECORD_BYTES: Final = 450
DAYS: Final = 30
INTERVAL_SECONDS: Final = 5.0
"""Default of CHEST_EXPORT_INTERVAL_SECONDS."""

POSTGRES: Final = Costs(server_us=22.6, client_us=2.4, connect_ms=18.5, rollup_us=8.7)
"""Of 1,000,000 records to PostgreSQL in performance-delivery.md, and `scale_costs`."""

_DOWN: Final = (600.0, 4_200.0)
_PLAIN: Final = Scenario(outages=(_DOWN,), seconds=6_600.0)
_TOGETHER: Final = replace(_PLAIN, start_seconds=0.0)

SCENARIOS: Final = {
    "connections are refused": _PLAIN,
    "the database does not answer": replace(_PLAIN, silent=True),
    "all hosts were started in the same second": _TOGETHER,
    "the same, without the random part of a pause": replace(_TOGETHER, jitter=False),
    "a quarter of the speed for 10 minutes after the outage": replace(
        _PLAIN, slow=(_DOWN[1], _DOWN[1] + 600.0, 0.25)
    ),
    "back for 10 s, down for 50 s, three times": replace(
        _PLAIN,
        outages=((600.0, 4_020.0), (4_030.0, 4_080.0), (4_090.0, 4_140.0), (4_150.0, 4_200.0)),
    ),
    "three times the traffic": replace(_PLAIN, records_per_second=PEAK * _PLAIN.records_per_second),
    "2 cores": replace(_PLAIN, cores=2, seconds=9_000.0),
    "every leader computes rollups, as before": replace(_PLAIN, keepers=HOSTS, seconds=9_000.0),
}


# -- Costs and arithmetic ------------------------------------------------------------------------


def costs(names: Sequence[str]) -> dict[str, Cost]:
    """Return what a record costs each database, by its title."""
    found = {}
    for name in names:
        give, number = DATABASES[name]
        with give() as (title, place):
            found[title] = measure(place, number)
            print(title, found[title], flush=True)
    return found


def cost_table(found: Mapping[str, Cost]) -> str:
    """Return the measured costs as a table."""
    head = (
        *("store", "records a batch", "ms a batch", "CPU of `export`, us a record"),
        *("CPU of the server", "to roll it up", "bytes on disk", "bytes of the log"),
        "CPU of a connection, ms",
    )
    rows = [
        (
            title,
            f"{cost.batch_records:,}",
            f"{cost.seconds * 1e3:,.0f}",
            f"{cost.client_us:.1f}",
            _cell(cost.server_us, 1),
            _cell(cost.rollup_us, 1),
            _cell(cost.disk_bytes),
            _cell(cost.log_bytes),
            _cell(cost.connect_ms),
        )
        for title, cost in found.items()
    ]
    return report.table(head, rows)


def _cell(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def arithmetic(found: Mapping[str, Cost]) -> str:
    """Return what a billion records a day need of each store."""
    rate = A_DAY / 86_400
    rows = []
    for title, cost in found.items():
        seconds = seconds_between(cost.batching, rate / HOSTS)
        cores = None
        if cost.server_us is not None:
            cores = rate * (cost.server_us + (cost.rollup_us or 0.0)) / 1e6
        rows.append(
            (
                title,
                f"{rate / HOSTS * seconds:,.0f}",
                f"{HOSTS / seconds:,.1f}",
                f"{rate * cost.client_us / HOSTS / 1e4:.2f} %",
                "" if cores is None else f"{cores:.2f} / {cores * PEAK:.2f}",
                _cell(cost.log_bytes and rate * cost.log_bytes / 1e6, 1),
                f"{A_DAY * cost.disk_bytes / 1e9:,.0f}",
                f"{A_DAY * cost.disk_bytes * DAYS / 1e12:,.1f}",
            )
        )
    head = (
        *("store", "records that wait for a delivery", "deliveries a second"),
        *("`export`, of a core of each host", "cores of the server, mean / peak"),
        *("log, MB/s", "disk, GB a day", f"disk, TB in {DAYS} days"),
    )
    return report.table(head, rows)


def seconds_between(batching: Batching, rate: float) -> float:
    """Return the time between two deliveries of a host, with so many records a second."""
    return max(INTERVAL_SECONDS, min(batching.min_records / rate, batching.max_seconds))


# -- The simulation ------------------------------------------------------------------------------


def simulation(names: Sequence[str]) -> str:
    """Return what was seen in each scenario, as a table."""
    rows = []
    for name in names:
        scenario = SCENARIOS[name]
        outcome = simulate(scenario, POSTGRES)
        rows.append((name, *seen(scenario, outcome)))
        print(rows[-1], flush=True)
    head = (
        *("outage of an hour", "tries a second in the outage, mean / most"),
        *("hosts back within 5 / 60 s", "most hosts back in one second", "most batches at once"),
        *("longest batch, s", "drained after, s", "MB waiting in a host, most"),
        *("core seconds of rollups", "lost"),
    )
    return report.table(head, rows)


def seen(scenario: Scenario, outcome: Outcome) -> tuple[str, ...]:
    """Return the cells of one scenario."""
    begin, end = scenario.outages[0][0] + 120.0, scenario.outages[-1][1]
    tries = [outcome.attempts[second] for second in range(int(begin), int(end))]
    back = Counter({second - int(end): hosts for second, hosts in outcome.returned.items()})
    soon = sum(hosts for second, hosts in back.items() if second < 5)
    later = sum(hosts for second, hosts in back.items() if second < 60)
    return (
        f"{sum(tries) / len(tries):.1f} / {max(tries)}",
        f"{soon} / {later}",
        f"{max(back.values(), default=0)}",
        f"{outcome.most_at_once}",
        f"{outcome.longest_batch:.2f}",
        f"{outcome.drained - end:,.0f}" if outcome.drained is not None else "not",
        f"{outcome.most_waiting * RECORD_BYTES / 1e6:,.0f}",
        f"{outcome.busy.get('rollups', 0.0):,.0f}",
        f"{outcome.lost_work:,.0f}",
    )


def main() -> None:
    """Measure, multiply, simulate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", nargs="*", choices=list(DATABASES), default=list(DATABASES))
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--no-simulation", action="store_true")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    if options.stores:
        found = costs(options.stores)
        machine = report.machine("psycopg", "pymongo", "urllib3", "chdb-core")
        report.write("scale-costs", f"{machine}\n\n{cost_table(found)}", options.page)
        report.write("scale-arithmetic", arithmetic(found), options.page)
    if not options.no_simulation:
        report.write("scale-simulation", simulation(list(SCENARIOS)), options.page)
    if not options.no_check:
        report.write(
            "scale-check", report.table(scale_check.COLUMNS, scale_check.rows()), options.page
        )


if __name__ == "__main__":
    main()

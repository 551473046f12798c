"""The simulation beside the real thing: fifty leaders, one PostgreSQL, an outage of a minute.

A part of `benchmarks.scale`. The leaders are applications of one process, each with a journal of
its own. They reach the server through a relay that refuses connections for a minute. So the times
of their tries are real. How fast they drain is not, as they share one interpreter.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flask import Flask

from benchmarks.outage import relayed
from benchmarks.scale_scenario import Costs, Scenario
from benchmarks.scale_simulation import simulate
from benchmarks.shared.postgres import stored
from flask_chest import FlaskChest, hookimpl
from flask_chest.testing import Relay
from tools.servers import PostgresServer

BEGIN, END, LAST = 15.0, 75.0, 100.0
SCENARIO: Final = Scenario(
    outages=((BEGIN, END),),
    records_per_second=2.0,
    interval_seconds=2.0,
    retry_max_seconds=10.0,
    seconds=LAST,
)
COLUMNS: Final = (
    *("", "tries that failed, a second", "most in one second"),
    *("hosts back within 5 / 11 s", "most hosts back in one second"),
)


@dataclass
class Seen:
    """When tries failed and hosts came back, by second."""

    failures: Counter[int] = field(default_factory=Counter)
    returned: Counter[int] = field(default_factory=Counter)

    def cells(self) -> tuple[str, ...]:
        """Return what is compared."""
        failed = [self.failures[second] for second in range(int(BEGIN) + 20, int(END))]
        back = {second - int(END): hosts for second, hosts in self.returned.items()}
        within = [sum(n for second, n in back.items() if second < most) for most in (5, 11)]
        return (
            f"{sum(failed) / len(failed):.1f}",
            f"{max(failed)}",
            " / ".join(map(str, within)),
            f"{max(back.values(), default=0)}",
        )


class Watch:
    """A plugin of one host that notes what happens."""

    def __init__(self, seen: Seen, began: float) -> None:
        self._seen = seen
        self._began = began
        self._is_back = False

    def _second(self) -> float:
        return time.monotonic() - self._began

    @hookimpl
    def chest_export_failed(self) -> None:
        """Note a try that failed."""
        self._seen.failures[int(self._second())] += 1

    @hookimpl
    def chest_exported(self) -> None:
        """Note the first batch after the outage."""
        if self._second() >= END and not self._is_back:
            self._is_back = True
            self._seen.returned[int(self._second())] += 1


def really() -> Seen:
    """Run the leaders.

    Raises:
        RuntimeError: Some records are missing or stored twice.
    """
    seen, chests, number = Seen(), [], 0
    with (
        PostgresServer(durable=True) as server,
        server.database() as url,
        Relay("127.0.0.1", server.port) as relay,
        tempfile.TemporaryDirectory(prefix="chest-scale-") as folder,
    ):
        began = time.monotonic()
        for host in range(SCENARIO.hosts):
            app = Flask(f"host{host}", instance_path=str(Path(folder) / str(host)))
            chest = FlaskChest(
                exporters=relayed(url, relay),
                export_interval_seconds=SCENARIO.interval_seconds,
                retry_max_seconds=SCENARIO.retry_max_seconds,
                rollups=False,
            )
            chest.register_plugin(Watch(seen, began))
            chest.init_app(app)
            chests.append((app, chest))
        for moment, change in ((BEGIN, relay.cut), (END, relay.restore)):
            threading.Timer(moment - (time.monotonic() - began), change).start()
        pause = 1.0 / SCENARIO.records_per_second
        while time.monotonic() - began < LAST:
            for app, chest in chests:
                with app.app_context(), chest.record("work"):
                    number += 1
            time.sleep(pause)
        for app, chest in chests:
            with app.app_context():
                chest.flush(timeout=60.0)
                chest.close()
        found = stored(url)
    if found != (number, number):
        raise RuntimeError(f"{found[0]} rows and {found[1]} IDs of {number} records")
    return seen


def simulated() -> Seen:
    """Simulate them."""
    found = simulate(SCENARIO, Costs(server_us=22.6, client_us=2.4))
    return Seen(found.failures, found.returned)


def rows() -> list[tuple[str, ...]]:
    """Return what was seen in both."""
    return [("simulated", *simulated().cells()), ("real", *really().cells())]

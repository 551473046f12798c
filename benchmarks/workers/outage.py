"""Measured by `benchmarks.outage`: an application, under gunicorn or called in its process."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass

from flask import Flask, g
from werkzeug.test import EnvironBuilder

from benchmarks.shared.process import rss_mib
from flask_chest import FlaskChest

PAD = "x" * 200


@dataclass
class Result:
    """What one process measured.

    Attributes:
        rss: Resident memory in MiB before the outage, after it, and when all is delivered.
        rate: Records per second of the whole drain.
        tenths: Records per second of each tenth of the backlog.
    """

    rss: list[float]
    rate: float
    tenths: list[float]


def read_result(line: str) -> Result:
    """Return what a worker printed."""
    return Result(**json.loads(line))


def make_app() -> Flask:
    """Return a tracked application, configured by the environment."""
    app = Flask("outage")
    chest = FlaskChest(app)

    @app.get("/")
    @chest.track("user_id", "tenant", "cost_cents", "pad")
    def view() -> str:
        g.user_id = "u-17"
        g.tenant = "acme"
        g.cost_cents = 12.5
        g.pad = PAD
        return "ok"

    app.extensions["outage"] = chest
    return app


def main(number: int) -> None:
    """Record, wait for the database to come back, and deliver."""
    app = make_app()
    chest: FlaskChest = app.extensions["outage"]
    environ = EnvironBuilder(path="/").get_environ()

    def ask(times: int) -> None:
        for _ in range(times):
            for _ in app.wsgi_app(dict(environ), lambda *_: lambda _: None):
                pass

    with app.app_context():
        ask(min(number, 5_000))
        memory = [rss_mib()]
        ask(number - min(number, 5_000))
        memory.append(rss_mib())
        print("recorded", flush=True)
        sys.stdin.readline()
        total = chest.stats().exporters["main"].pending_bytes
        begun = time.perf_counter()
        seen = [(begun, total)]
        while seen[-1][1]:
            time.sleep(0.01)
            seen.append((time.perf_counter(), chest.stats().exporters["main"].pending_bytes))
        memory.append(rss_mib())
        # From the first batch on: the backoff after a failure is not part of the rate.
        first = max(place for place, (_, left) in enumerate(seen) if left == total)
        passed = [
            next(moment for moment, left in seen if left <= total * (10 - tenth) / 10)
            for tenth in range(1, 11)
        ]
        starts = [seen[first][0], *passed[:-1]]
        tenths = [
            number / 10 / max(end - start, 0.01) for start, end in zip(starts, passed, strict=True)
        ]
        rate = number / (passed[-1] - seen[first][0])
        print(json.dumps(asdict(Result(memory, rate, tenths))), flush=True)
        chest.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))

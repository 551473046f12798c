"""What choosing variables and redacting secrets costs a record of four scalars, in microseconds.

Run by `make bench-filter`. All ways take turns in each of many rounds, as machines are noisy. Each
figure is the median of the rounds, with the quartiles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable

from flask import Flask, Request, g
from werkzeug.test import EnvironBuilder

from benchmarks.shared import report
from flask_chest import FlaskChest, hookimpl
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.variables import VariableFilter
from flask_chest.record import uuid7
from flask_chest.redaction import Redactor, SecretKeys

ROUNDS = 400
RECORDS = 50
HOOKS = ("plugins/hook_call.py", "plugins/manager.py")
"""Files of Flask-Chest that call hooks."""

Variables = dict[str, object]


def repeating(_number: int) -> Variables:
    """Return variables whose texts repeat."""
    return {"user_id": 17, "tenant": "acme", "model": "large-2", "cost_cents": 12.5}


def unique(_number: int) -> Variables:
    """Return variables, one of them a UUID that never repeats."""
    return {"user_id": uuid7(), "tenant": "acme", "model": "large-2", "cost_cents": 12.5}


def sentences(number: int) -> Variables:
    """Return variables, one of them a text that never repeats."""
    return {"query": f"red shoes size {number}", "tenant": "acme", "hits": 3, "cost_cents": 12.5}


def ways() -> dict[str, Callable[[], float]]:
    """Return functions that filter some records and return the microseconds of one, by name."""
    found: dict[str, Callable[[], float]] = {}
    for make in (repeating, unique, sentences):
        names = tuple(make(0))
        for label, patterns in (("by name", names), ("by `*`", ("*",))):
            asked = Patterns(patterns, setting="benchmark")
            filtering = VariableFilter(
                Redactor(SecretKeys()), lambda _skipped: None, lambda *_masked: None
            )

            def run(
                make: Callable[[int], Variables] = make,
                asked: Patterns = asked,
                filtering: VariableFilter = filtering,
            ) -> float:
                records = [make(next(_numbers)) for _ in range(RECORDS)]
                began = time.perf_counter()
                for record in records:
                    filtering.take(record, asked)
                return (time.perf_counter() - began) / RECORDS * 1e6

            found[f"{make.__name__} values, {label}"] = run
    return found


_numbers = iter(range(10**9))


class Passing:
    """A plugin whose hooks do nothing."""

    @hookimpl
    def chest_request_id(self, request: Request) -> str | None:
        """Pass."""

    @hookimpl
    def chest_filter_variables(self, variables: Variables, request: Request) -> None:
        """Pass."""


def served(
    chest: FlaskChest, plugin: object | None
) -> tuple[Callable[[], float], Callable[[], int]]:
    """Return a function that serves tracked requests, and one that counts calls of hooks."""
    app = Flask("shop")
    if plugin is not None:
        chest.register_plugin(plugin)
    chest.init_app(app)

    def view() -> str:
        g.user_id, g.tenant, g.model, g.cost_cents = 17, "acme", "large-2", 12.5
        return ""

    app.add_url_rule("/", view_func=chest.track(*repeating(0))(view))
    environ = EnvironBuilder("/").get_environ()

    def one() -> None:
        body = app.wsgi_app(dict(environ), lambda *_: None)  # type: ignore[arg-type] # no `write` is returned, as none is called
        for _chunk in body:
            pass
        getattr(body, "close", lambda: None)()

    def serve() -> float:
        began = time.perf_counter()
        for _ in range(RECORDS):
            one()
        return (time.perf_counter() - began) / RECORDS * 1e6

    def calls() -> int:
        seen = 0

        def note(frame: object, event: str, _argument: object) -> None:
            nonlocal seen
            code = getattr(frame, "f_code", None)
            if event == "call" and code is not None and code.co_filename.endswith(HOOKS):
                seen += 1

        sys.setprofile(note)
        one()
        sys.setprofile(None)
        return seen

    return serve, calls


def main() -> int:
    """Measure, and print tables in Markdown."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as path:
        chests = [
            FlaskChest(
                exporters={"main": f"sqlite:///{path}/chest.sqlite3"},
                journal="memory",
                export_interval_seconds=3600,
            )
            for _ in range(2)
        ]
        without, calls_without = served(chests[0], None)
        passing, calls_passing = served(chests[1], Passing())
        measured = ways()
        requests = {"no implementation": without, "two that do nothing": passing}
        measured.update(requests)
        for run in measured.values():
            run()
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(ROUNDS):
            for name, run in measured.items():
                times[name].append(run())
        calls = {"no implementation": calls_without(), "two that do nothing": calls_passing()}
        for chest in chests:
            chest.close()
    print(f"Python {sys.version.split()[0]}; microseconds\n")
    head = ["filter and redaction of 4 scalars", "median", "quartiles"]
    print(report.table(head, [[name, *report.spread(times[name]).cells(2)] for name in ways()]))
    head = ["hooks on a request", "median, whole request", "quartiles", "calls of hooks"]
    rows = [[name, *report.spread(times[name]).cells(2), str(calls[name])] for name in requests]
    print(f"\n{report.table(head, rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

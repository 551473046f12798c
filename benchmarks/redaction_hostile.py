"""What the worst single records cost, and an ordinary one after 10,000 requests of strangers.

Part of `make bench-redaction`. Times are of the CPU, with the garbage collector off. Each hostile
record is made anew for each run, so that no cache knows it; the best run counts.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from corpus import hostile
from corpus.door import Filter
from pydantic_core import to_json

from benchmarks.shared import report

LIMIT_RECORD_MS: Final = 5.0
LIMIT_PATH_MS: Final = 0.5
LIMIT_SECRET_NAME_US: Final = 2.0
STRANGERS: Final = 10_000
_RUNS: Final = 3
_CLEAR: Final = 4
"""A run that is so many times faster or slower than the limit is not repeated."""

Timed = tuple[float, str]


@contextmanager
def _collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _cpu_ms(run: Callable[[], object]) -> float:
    with _collector_off():
        began = time.process_time_ns()
        run()
        return (time.process_time_ns() - began) / 1e6


def _best(runs: Iterable[Callable[[], object]], limit: float) -> float:
    best = float("inf")
    for run in runs:
        best = min(best, _cpu_ms(run))
        if not limit / _CLEAR < best < limit * _CLEAR:
            break
    return best


def _take(filtering: Filter, variables: hostile.Variables) -> bytes:
    return to_json(filtering.take(variables))


def records() -> list[Timed]:
    """Return the milliseconds of each hostile record, the worst first."""
    found = []
    for record in hostile.RECORDS:
        filtering = Filter("*", **record.settings)
        filtering.take({"a": 1})

        made = (record.make(seed) for seed in range(_RUNS))
        runs = (partial(_take, filtering, variables) for variables in made)
        found.append((_best(runs, LIMIT_RECORD_MS), record.name))
    return sorted(found, reverse=True)


def paths() -> list[Timed]:
    """Return the milliseconds of each hostile path, the worst first."""
    filtering = Filter("*")
    variants = [hostile.paths(seed) for seed in range(2 * _RUNS)]
    found = []
    for name in variants[0]:
        runs = [partial(filtering.path, each[name]) for each in variants]
        found.append((_best(runs, LIMIT_PATH_MS), name))
    return sorted(found, reverse=True)


def worst(head: str, found: list[Timed], limit: float, count: int = 15) -> str:
    """Return a table of the worst, and a line that says how many are beyond the limit."""
    rows = [(name.replace("|", "\\|"), f"{ms:.2f}") for ms, name in found[:count]]
    beyond = sum(ms > limit for ms, _name in found)
    table = report.table((head, "CPU ms"), rows)
    return f"{table}\n\n{len(found)} tried, {beyond} of them beyond the limit of {limit:g} ms."


# -- After strangers -------------------------------------------------------------------------


def ordinary(number: int) -> dict[str, object]:
    """Return the variables of an ordinary request."""
    return {
        "user_id": 17,
        "tenant": "acme",
        "query": f"red shoes size {number}",
        "cost_cents": 12.5,
        "basket": [{"sku": f"B-{n}", "price": 9.95, "name": "red shoes"} for n in range(5)],
        "usage": {"prompt_tokens": 512, "completion_tokens": number % 90, "model": "large-2"},
    }


def _stranger(draw: random.Random) -> dict[str, object]:
    def word() -> str:
        return f"{draw.getrandbits(48):012x}"

    return {
        "body": {word(): [word(), {word(): word()}], word(): {f"{word()}_token": word()}},
        "query": f"{word()} {word()}={word()}",
        f"v{word()}": word(),
        f"request.query.{word()}": word(),
        "pairs": [[word(), word()], [f"x-{word()}", 1]],
    }


def _microseconds(run: Callable[[int], object], *, rounds: int = 60, each: int = 50) -> float:
    """Return the CPU time of one run: the best of many rounds."""
    best = float("inf")
    number = iter(range(10**9))
    for _ in range(rounds):
        with _collector_off():
            began = time.process_time_ns()
            for _ in range(each):
                run(next(number))
            best = min(best, (time.process_time_ns() - began) / each / 1e3)
    return best


def after_strangers() -> str:
    """Return a table: an ordinary record before and after 10,000 requests of strangers.

    The strangers come after the first ordinary records, or before them, as after a restart.
    """
    rows = []
    for label, patterns in (
        ("by name", (*ordinary(0), "body", "pairs", "request.query.*")),
        ("by `*`", ("*", "request.query.*")),
    ):
        known, restarted = Filter(*patterns), Filter(*patterns)
        before = _microseconds(partial(_ordinary, known))
        draw = random.Random(14)  # noqa: S311 - no secret is made of it
        for _ in range(STRANGERS):
            stranger = _stranger(draw)
            known.take(stranger)
            restarted.take(stranger)
        after = [_microseconds(partial(_ordinary, each)) for each in (known, restarted)]
        rows.append((label, f"{before:.1f}", *(f"{each:.1f}" for each in after)))
    after_head = f"us after {STRANGERS:,} hostile requests"
    head = ("an ordinary record", "us before", after_head, "us where those came first")
    return report.table(head, rows)


def _ordinary(filtering: Filter, number: int) -> object:
    return filtering.take(ordinary(number))


def secret_name() -> str:
    """Return a table: what one variable with a secret name adds to a record."""
    rows = []
    plain: dict[str, object] = {"user_id": 17, "tenant": "acme", "cost_cents": 12.5}
    for label in ("by name", "by `*`"):
        for name in ("password", "access_token", "session_id"):
            patterns = (*plain, name) if label == "by name" else ("*",)
            filtering = Filter(*patterns)

            def without(_number: int, filtering: Filter = filtering) -> object:
                return filtering.take({**plain})

            def added(number: int, filtering: Filter = filtering, name: str = name) -> object:
                return filtering.take({**plain, name: f"s{number}"})

            took = _microseconds(added) - _microseconds(without)
            rows.append((f"`{name}`, {label}", f"{took:.1f}"))
    return report.table(("a variable with a secret name adds", "us"), rows)

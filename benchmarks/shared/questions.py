"""The questions of `benchmarks.query`: those with a target, and the fourteen of an analyst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from benchmarks.shared.history import History
from flask_chest.query import Order, Place, Selection
from flask_chest.store import Store

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
USER: Final = "u-00017"
_PAGE: Final = 100

OVERVIEW: Final = (
    "count",
    "error_rate",
    "p50(duration_ms)",
    "p95(duration_ms)",
    "p99(duration_ms)",
)
_FAILED: Final = "route == '/checkout' and status_code >= 500"
_GOOD: Final = "route == '/checkout' and status_code < 500"

Limits = Mapping[str, float]


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        title: What is asked.
        ask: Asks it of a store that has a history.
        limits: Target in ms, by the name of the store; `*` for all others.
        by_hand: Name of the same in `benchmarks.peers.by_sql`; None for none.
    """

    title: str
    ask: Callable[[Store, History], object]
    limits: Limits = field(default_factory=dict)
    by_hand: str | None = None

    def limit(self, name: str) -> float | None:
        """Return the target of a store in ms; None without one."""
        return self.limits.get(name, self.limits.get("*"))


def page_1000(store: Store, history: History) -> object:
    """Return page 1,000 of the list, the newest record first."""
    last = max(history.count - 999 * _PAGE, 1)
    place = Place(0, history.started_at(last), history.id(last))
    found = store.select(Selection(order=Order(), after=place, limit=_PAGE))
    expected = min(_PAGE, last)
    if len(found) != expected or found[0].id != history.id(last - 1):
        raise RuntimeError(f"page 1,000 begins with {found[:1]}")
    return found


def one(store: Store, history: History) -> object:
    """Return one record by its request ID."""
    request_id = history.id(history.count // 3)
    [found] = store.records(f"request_id == '{request_id}'")
    return found


TARGETS: Final = (
    Question(
        "overview of 30 days, a row a day",
        lambda s, h: s.measure(*OVERVIEW, every="1d", since=h.since, until=h.until),
        {"*": 300},
        "overview",
    ),
    Question(
        "overview of 30 days by route",
        lambda s, h: s.measure(*OVERVIEW, by=["route"], since=h.since, until=h.until),
        {"*": 300},
        "routes",
    ),
    Question(
        "overview of 7 days, a row an hour",
        lambda s, h: s.measure(*OVERVIEW, every="1h", since=h.until - WEEK, until=h.until),
        {"*": 300},
    ),
    Question(
        "overview of a day by route, a row each 5 minutes",
        lambda s, h: s.measure(
            *OVERVIEW, by=["route"], every="5m", since=h.until - DAY, until=h.until
        ),
        {"*": 300},
    ),
    Question(
        "sum and p95 of `cost_usd` by `tenant`, 30 days",
        lambda s, h: s.measure(
            "sum(cost_usd)", "p95(cost_usd)", by=["tenant"], since=h.since, until=h.until
        ),
        {"*": 500},
        "declared",
    ),
    Question(
        "count and p95 of `duration_ms` by `region`, one day",
        lambda s, h: s.measure(
            "count", "p95(duration_ms)", by=["region"], since=h.until - DAY, until=h.until
        ),
        {"sqlite": 1_000, "postgres": 500, "*": 2_000},
        "any",
    ),
    Question(
        "the newest 100 of one `user_id`, which is indexed",
        lambda s, _: list(s.records(f"user_id == '{USER}'", limit=100)),
        {"*": 20},
        "equality",
    ),
    Question("one record by its request ID", one, {"*": 10}, "one"),
    Question("page 1,000 of the list", page_1000, {"*": 10}, "page"),
)

FOURTEEN: Final = (
    Question(
        "requests an hour by route, a day",
        lambda s, h: s.measure(
            "count", by=["route"], every="1h", since=h.until - DAY, until=h.until
        ),
    ),
    Question(
        "error rate by tenant, 30 days",
        lambda s, h: s.measure("error_rate", by=["tenant"], since=h.since, until=h.until),
    ),
    Question(
        "p50, p95 and p99 of a route, 30 days",
        lambda s, h: s.measure(
            *OVERVIEW[2:], where="route == '/checkout'", since=h.since, until=h.until
        ),
    ),
    Question(
        "mean, sum and p90 of `cost_usd` by `model`, 30 days",
        lambda s, h: s.measure(
            *("mean(cost_usd)", "sum(cost_usd)", "p90(cost_usd)"),
            by=["model"],
            since=h.since,
            until=h.until,
        ),
    ),
    Question(
        "all of one user in a week",
        lambda s, h: list(s.records(f"user_id == '{USER}'", since=h.until - WEEK, until=h.until)),
    ),
    Question(
        "the newest 1,000 with `cart_total > 100`",
        lambda s, _: list(s.records("cart_total > 100", limit=1_000)),
    ),
    Question(
        "the slowest 20 of 30 days",
        lambda s, _: list(s.records(order_by="-duration_ms", limit=20)),
    ),
    Question(
        "distinct users a day, 14 days",
        lambda s, h: s.measure(
            "distinct(user_id)", every="1d", since=h.until - 2 * WEEK, until=h.until
        ),
    ),
    Question(
        "what failed in the last 10 minutes, as `tail` asks",
        lambda s, h: list(s.records("status_code >= 500", since=h.until - timedelta(minutes=10))),
    ),
    Question(
        "this week against last",
        lambda s, h: s.measure(*OVERVIEW, every="1w", since=h.until - 2 * WEEK, until=h.until),
    ),
    Question(
        "share over 500 ms by release, 30 days",
        lambda s, h: s.measure(
            "share(duration_ms > 500)", by=["app.release"], since=h.since, until=h.until
        ),
    ),
    Question(
        "what differs between failed and good requests of a route",
        lambda s, h: s.differences(_FAILED, against=_GOOD, since=h.since, until=h.until),
    ),
)
"""Two of the fourteen are above (one record by its ID) and below (exports)."""


def with_sql() -> list[Question]:
    """Return those that are also asked in SQL written by hand."""
    return [question for question in TARGETS if question.by_hand is not None]

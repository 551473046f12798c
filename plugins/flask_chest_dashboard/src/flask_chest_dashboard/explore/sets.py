"""The two sets of requests that are compared for "What differs"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.errors import QueryError

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.choices import Choices, Window
    from flask_chest_dashboard.explore.question import Question

FAILED: Final = "error is not None or status_code >= 500"
_P95: Final = "p95(duration_ms)"
_MOST: Final = 30


@dataclass(frozen=True)
class Sets:
    """Two sets of requests.

    Attributes:
        title: What the first one is, in words.
        against: What the other one is.
        where: The filter of the first, among those that the viewer has chosen.
        among: The filter of all of them; None for all requests.
    """

    title: str
    against: str
    where: str
    among: str | None

    def rows(self, asker: Asker, window: Window) -> list[dict[str, Any]]:
        """Return the rows of `Store.differences`."""
        return asker.ask(
            ("sets", self.where, self.among, window.since, window.until),
            lambda: asker.store.differences(
                self._both(query.parse(self.where)),
                against=None if self.among is None else self._others(),
                since=window.since,
                until=window.until,
                limit=_MOST,
            ),
        )

    def _both(self, part: query.Filter) -> query.Filter:
        if self.among is None:
            return part
        among = query.parse(self.among)
        return query.Filter(f"({among.text}) and ({part.text})", query.And((among.root, part.root)))

    def _others(self) -> query.Filter:
        """Return the filter of all others, those included that have no such value."""
        return self._both(query.others_than(query.parse(self.where)))


def sets_of(question: Question, choices: Choices, asker: Asker, window: Window) -> Sets:
    """Return the two sets that the viewer has chosen.

    Raises:
        QueryError: There is no such set.
    """
    among = choices.filter
    if question.differ == "failed":
        return Sets("Failed requests", "those that did not fail", FAILED, among)
    if question.differ == "slow":
        return _slow(asker, among, window)
    if question.differ == "filters":
        if among is None:
            raise QueryError("there is no filter: add one, whose requests are compared with others")
        return Sets("Requests with these filters", "all others", among, None)
    query.parse(question.part)
    return Sets(f"Requests with {question.part}", "all others", question.part, among)


def _slow(asker: Asker, among: str | None, window: Window) -> Sets:
    [row] = asker.measure(_P95, where=among, since=window.since, until=window.until)
    limit = row[_P95]
    if limit is None:
        raise QueryError("there was no such request in this time: choose a longer time range")
    return Sets(
        f"The slowest 5 %, above {limit:.4g} ms",
        "all faster ones",
        f"duration_ms > {limit!r}",
        among,
    )

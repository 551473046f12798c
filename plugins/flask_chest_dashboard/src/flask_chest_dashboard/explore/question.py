"""`Question`: what the viewer asks on Explore, as the URL has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from flask_chest import query
from flask_chest.errors import QueryError

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

    from flask_chest_dashboard.choices import Choices

DEFAULT_MEASURES: Final = ("count", "p95(duration_ms)")
DEFAULT_LIMIT: Final = "20"
DEFAULT_OF: Final = "duration_ms"
KINDS: Final = {"lines": "Lines", "bars": "Bars", "heatmap": "Heatmap"}
EXAMPLES: Final = {
    "the slowest routes": {"measure": ["p95(duration_ms)", "count"], "by": ["route"]},
    "failures by route": {"measure": ["errors", "error_rate", "count"], "by": ["route"]},
    "requests by status": {"measure": ["count"], "by": ["status_code"]},
    "durations as a heatmap": {"kind": "heatmap"},
    "what failed requests have in common": {"differ": "failed"},
}
"""Arguments of questions for those who have not asked any."""

LENGTHS: Final = (
    *("1s", "5s", "15s", "30s", "1m", "5m", "15m", "30m"),
    *("1h", "2h", "3h", "6h", "12h", "1d", "1w", "1mo", "1y"),
)
"""The lengths of a bucket that are offered. Any other is read, too."""

MOST_LIMIT: Final = 1_000
MOST_MEASURES: Final = 6
MOST_GROUPS: Final = 10
MOST_BUCKETS: Final = 1_500
"""Buckets of a chart without groups."""

MOST_GROUPED: Final = 400
"""Buckets of a chart with groups, each of which has its line."""

_DIFFER: Final = ("failed", "slow", "filters", "part")


@dataclass(frozen=True)
class Question:
    """A question, as it was typed. `faults` says what of it cannot be read.

    Attributes:
        measures: What is measured.
        by: What makes the groups.
        every: Length of a bucket; empty for one that suits the time range.
        limit: Most groups of the table.
        order: Measure or name that orders them, with a minus sign for the largest first; empty for
            the first measure.
        kind: One of `KINDS`.
        of: Whose distribution the heatmap shows.
        differ: Which requests are compared: ``failed``, ``slow``, ``filters`` or ``part``; empty
            for none.
        part: The filter of those, for ``part``.
    """

    measures: tuple[str, ...] = DEFAULT_MEASURES
    by: tuple[str, ...] = ()
    every: str = ""
    limit: str = DEFAULT_LIMIT
    order: str = ""
    kind: str = "lines"
    of: str = DEFAULT_OF
    differ: str = ""
    part: str = ""

    @classmethod
    def read(cls, arguments: MultiDict[str, str]) -> Question:
        """Read the arguments of a URL. Nothing of them is refused here."""

        def several(name: str) -> tuple[str, ...]:
            return tuple(
                dict.fromkeys(text for each in arguments.getlist(name) if (text := each.strip()))
            )

        def one(name: str, default: str = "") -> str:
            return arguments.get(name, "").strip() or default

        kind, differ = one("kind", "lines"), one("differ")
        every = one("every")
        made = cls(
            several("measure") or DEFAULT_MEASURES,
            several("by"),
            "" if every == "auto" else every,
            one("limit", DEFAULT_LIMIT),
            one("order"),
            kind if kind in KINDS else "lines",
            one("of", DEFAULT_OF),
            differ if differ in _DIFFER else "",
            one("part"),
        )
        # The order by what is no longer asked for.
        known = {name for name in (*made.measures, *made.by) if not is_histogram(name)}
        return made if made.order.removeprefix("-") in known else replace(made, order="")

    def arguments(self) -> dict[str, str | list[str]]:
        """Return the arguments of a URL with this question, without those that are the default."""
        found: dict[str, str | list[str]] = {}
        if self.measures != DEFAULT_MEASURES:
            found["measure"] = list(self.measures)
        if self.by:
            found["by"] = list(self.by)
        for name, default in (
            ("every", ""),
            ("limit", DEFAULT_LIMIT),
            ("order", ""),
            ("kind", "lines"),
            ("of", DEFAULT_OF),
            ("differ", ""),
            ("part", ""),
        ):
            if getattr(self, name) != default:
                found[name] = getattr(self, name)
        return found

    def faults(self, choices: Choices) -> dict[str, str]:
        """Return what is wrong, by the name of the field: ``measure0``, ``by1``, ``every``.

        What is wrong with several fields together is under ``question``. What is wrong with the
        time range, or with a filter, `choices` knows.
        """
        found: dict[str, str] = {}
        for name, test in self._tests(choices):
            if name not in found:
                try:
                    test()
                except QueryError as error:  # a FilterError is one
                    found[name] = str(error)
        if not found:
            # Together: a group may have the name of a measure.
            try:
                _read(self.measures, by=self.by, every="1h")
            except QueryError as error:
                found["question"] = str(error)
        return found

    def _tests(self, choices: Choices) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield tests that raise, and whose fault it is."""
        for at, each in enumerate(self.measures):
            yield f"measure{at}", partial(_read, [each])
        for at, each in enumerate(self.by):
            yield f"by{at}", partial(_read, ["count"], by=[each], every="1h")
        yield "of", partial(_read, [f"histogram({self.of})"])
        yield "limit", partial(_check_limit, self.limit)
        yield "question", self._check_sizes
        if self.differ == "part":
            yield "part", partial(query.parse, self.part)
        if self.every:
            yield "every", partial(_read, ["count"], every=self.every)
        yield "every", partial(_check_buckets, self, choices)

    def _check_sizes(self) -> None:
        for name, most, number in (
            ("measures", MOST_MEASURES, len(self.measures)),
            ("groups", MOST_GROUPS, len(self.by)),
        ):
            if number > most:
                raise QueryError(f"there are {number} {name}, and at most {most} are shown")


def is_histogram(measure: str) -> bool:
    """Return whether a measure is a distribution, which has no order."""
    return re.match(r"histogram\s*\(", measure) is not None


def is_drawn(measure: str) -> bool:
    """Return whether a measure is one number at each time."""
    return re.match(r"(histogram|top)\s*\(", measure) is None


def _read(
    measures: list[str] | tuple[str, ...],
    *,
    by: list[str] | tuple[str, ...] = (),
    every: str | None = None,
) -> query.Question:
    chosen = query.chosen(None, None, None)
    return query.read_question(measures, by=by, every=every, chosen=chosen)


def _check_limit(text: str) -> None:
    if not re.fullmatch("[0-9]{1,6}", text) or not 0 < int(text) <= MOST_LIMIT:
        raise QueryError(f"write a number of groups from 1 to {MOST_LIMIT:,}")


def _check_buckets(question: Question, choices: Choices) -> None:
    try:
        window = choices.window(every=question.every)
    except QueryError:
        return  # the time range itself
    seconds = (window.until - window.since).total_seconds()
    most = MOST_GROUPED if question.by else MOST_BUCKETS

    def number(length: str) -> float:
        read = _read(["count"], every=length).every
        return 0.0 if read is None else seconds / read.shortest_seconds

    if number(window.every) <= most:
        return
    longer = next((each for each in LENGTHS if number(each) <= most), LENGTHS[-1])
    raise QueryError(
        f"every {window.every} makes {number(window.every):,.0f} points of this time range, and a "
        f"chart {'with groups ' if question.by else ''}has at most {most:,}. Choose {longer} or "
        "longer"
    )

"""`Answers`: the calls of `Store.measure` that answer a question of the viewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flask_chest.errors import QueryError
from flask_chest.query import distance
from flask_chest_dashboard.charts.heatmap import MOST_COLUMNS
from flask_chest_dashboard.explore.asked import Asked
from flask_chest_dashboard.explore.lines import MOST_LINES
from flask_chest_dashboard.explore.question import LENGTHS, Question, is_drawn

if TYPE_CHECKING:
    from flask_chest_dashboard.choices import Choices, Window

PARTS: Final = ("chart", "table")
MOST_BARS: Final = 20


class Answers:
    """What is asked of the store for a question that can be read.

    Args:
        question: Of the viewer.
        choices: The time range and the filters.

    Attributes:
        window: The time range, whose ends are known.

    Raises:
        QueryError: The question cannot be read.
    """

    def __init__(self, question: Question, choices: Choices) -> None:
        faults = question.faults(choices)
        faults.pop("part", None)  # of the differences alone
        if faults:
            raise QueryError(next(iter(faults.values())))
        self._question = question
        self._choices = choices
        self.window = self._window()
        self.drawn = tuple(filter(is_drawn, question.measures))

    def _window(self) -> Window:
        window = self._choices.window(every=self._question.every)
        if self._question.kind != "heatmap" or self._question.every:
            return window
        seconds = (window.until - window.since).total_seconds()
        fitting = (each for each in LENGTHS if seconds / _seconds(each) < MOST_COLUMNS)
        return self._choices.window(every=next(fitting, LENGTHS[-1]))

    def part(self, name: str) -> Asked:
        """Return what is asked for the chart, or for the table.

        Raises:
            QueryError: There is no such part.
        """
        if name not in PARTS:
            raise QueryError(f"there is no part {name[:40]!r}: choose {' or '.join(PARTS)}")
        return self.chart() if name == "chart" else self.table()

    def table(self) -> Asked:
        """Return what is asked for the totals of the groups."""
        question, choices, window = self._question, self._choices, self.window
        return Asked(
            question.measures,
            window.since,
            window.until,
            by=question.by,
            where=choices.filter,
            order_by=question.order or None,
            limit=int(question.limit),
        )

    def chart(self) -> Asked:
        """Return what is asked for the chart over time."""
        question, asked = self._question, self.table()
        over_time = replace(asked, every=self.window.every, tz=self._choices.tz)
        if question.kind == "heatmap":
            return replace(over_time, measures=(f"histogram({question.of})",), by=(), order_by=None)
        if question.kind == "bars" and question.by:
            return replace(asked, limit=min(asked.limit, MOST_BARS))
        order = asked.order_by if question.by else None
        measures = self.drawn or ("count",)
        if order is not None and order.removeprefix("-") not in (*measures, *question.by):
            order = None
        return replace(
            over_time,
            measures=measures,
            order_by=order,
            limit=min(asked.limit, MOST_LINES),
        )


def _seconds(length: str) -> float:
    """Return about how long a bucket is, in seconds."""
    return {"1mo": 30.4, "1y": 365.0}.get(length, 0) * 86_400 or distance(length).total_seconds()

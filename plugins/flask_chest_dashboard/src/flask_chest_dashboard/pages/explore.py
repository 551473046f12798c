"""Explore: any question, as a chart and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from flask import request

from flask_chest.errors import QueryError
from flask_chest_dashboard import formats
from flask_chest_dashboard.charts.bars import bar, two_shares
from flask_chest_dashboard.charts.heatmap import Cell, Heatmap
from flask_chest_dashboard.charts.sparkline import sparkline
from flask_chest_dashboard.explore import names
from flask_chest_dashboard.explore.answers import Answers
from flask_chest_dashboard.explore.asked import csv, json_lines
from flask_chest_dashboard.explore.lines import charts_of, title_of
from flask_chest_dashboard.explore.missing import (
    Hints,
    in_filter,
    missing,
    mistyped,
    without_values,
)
from flask_chest_dashboard.explore.question import (
    EXAMPLES,
    KINDS,
    LENGTHS,
    MOST_GROUPS,
    MOST_MEASURES,
    Question,
    is_histogram,
)
from flask_chest_dashboard.explore.sets import sets_of
from flask_chest_dashboard.responses import Page

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest import Record
    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.dashboard import Dashboard

_ENDINGS: Final = {"csv": "text/csv", "jsonl": "application/jsonl"}


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/explore")
    def explore() -> Page:
        choices, question = dashboard.choices(), Question.read(request.args)
        return dashboard.render(
            "explore.html",
            choices,
            question=question,
            faults=question.faults(choices),
            kinds=KINDS,
            lengths=LENGTHS,
            most_measures=MOST_MEASURES,
            most_groups=MOST_GROUPS,
            orders=[each for each in question.measures if not is_histogram(each)],
            suggested=_suggested({}),
            examples={} if question.arguments() else EXAMPLES,
            url=request.url,
        )

    @dashboard.panel(views, "/explore/names")
    def explore_names() -> Page:
        """What can be typed, for the fields of the form."""
        window = dashboard.choices().window()
        records = dashboard.asker.records(
            since=window.since, until=window.until, limit=names.RECORDS
        )
        return dashboard.render("explore_names.html", suggested=_suggested(names.seen(records)))

    @dashboard.panel(views, "/explore/chart")
    def explore_chart() -> Page:
        """The answer over time, or the groups beside each other."""
        choices, question = dashboard.choices(), Question.read(request.args)
        if question.kind == "heatmap":
            return _heatmap(dashboard, choices, question)
        answers = Answers(question, choices)
        asked = answers.chart()
        rows = asked.rows(dashboard.asker)
        is_bars = question.kind == "bars" and bool(question.by)
        return dashboard.render(
            "explore_chart.html",
            choices,
            **_common(question, answers, "chart"),
            charts=[] if is_bars else charts_of(rows, asked.measures, asked.by, question.kind),
            rows=rows if is_bars else [],
            most=_most(rows, answers.drawn),
            bar=bar,
            drawn=answers.drawn,
            is_empty=not rows,
            rest=next((row["rest"] for row in rows if "rest" in row), 0),
            title_of=title_of,
        )

    @dashboard.panel(views, "/explore/table")
    def explore_table() -> Page:
        """The totals of each group."""
        choices, question = dashboard.choices(), Question.read(request.args)
        answers = Answers(question, choices)
        rows = answers.table().rows(dashboard.asker)
        without, among = without_values(question, rows), choices
        where = choices.filter if _is_filtered_out(question, choices, rows) else None
        if where is not None:
            without, among = in_filter(where), choices.unfiltered()
        newest = _newest(dashboard, among, answers) if without else []
        return dashboard.render(
            "explore_table.html",
            choices,
            hints=Hints(list(missing(without, newest)), mistyped(where, newest), len(newest)),
            **_common(question, answers, "table"),
            rows=rows,
            measures=_sorted_first(question),
            most=_most(rows, question.measures),
            bar=bar,
            small=_small,
            descends=_descends(question),
        )

    @dashboard.panel(views, "/explore/differences")
    def explore_differences() -> Page:
        """Which values some requests have more often than others."""
        choices, question = dashboard.choices(), Question.read(request.args)
        window = choices.window()
        sets = sets_of(question, choices, dashboard.asker, window)
        return dashboard.render(
            "explore_differences.html",
            choices,
            question=question,
            sets=sets,
            rows=sets.rows(dashboard.asker, window),
            two_shares=two_shares,
        )

    @dashboard.panel(views, "/explore/<panel>.<ending>")
    def explore_download(panel: str, ending: str) -> Page:
        """The rows of a panel, as a file."""
        choices, question = dashboard.choices(), Question.read(request.args)
        if ending not in _ENDINGS:
            raise QueryError(f"there is no file .{ending[:40]}: choose .csv or .jsonl")
        asked = Answers(question, choices).part(panel)
        rows = asked.rows(dashboard.asker)
        lines = csv(asked.columns(rows), rows) if ending == "csv" else json_lines(rows)
        answer = Page("".join(lines), content_type=f"{_ENDINGS[ending]}; charset=utf-8")
        name = f"explore-{panel}-{asked.until:%Y%m%d-%H%M%S}.{ending}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _is_filtered_out(
    question: Question, choices: Choices, rows: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether nothing was found, and the filter is about variables."""
    if any(row.get(name) for row in rows for name in question.measures):
        return False
    return bool(in_filter(choices.filter))


def _newest(dashboard: Dashboard, choices: Choices, answers: Answers) -> list[Record]:
    window = answers.window
    return dashboard.asker.records(
        choices.filter, since=window.since, until=window.until, limit=names.RECORDS
    )


def _common(question: Question, answers: Answers, panel: str) -> dict[str, Any]:
    """Return what the panels with an answer share."""
    asked = answers.part(panel)
    window = answers.window
    # Of the time that is shown, so that it is the same later.
    fixed = {
        **replace(question, differ="", part="").arguments(),
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "every": window.every,
    }
    return {"question": question, "shown": panel, "asked": asked, "fixed": fixed, "window": window}


def _heatmap(dashboard: Dashboard, choices: Choices, question: Question) -> Page:
    answers = Answers(question, choices)
    asked = answers.chart()
    heatmap = Heatmap(asked.rows(dashboard.asker), asked.measures[0], answers.window.until)
    write = formats.duration if question.of == "duration_ms" else formats.number

    def at(column: int) -> dict[str, str]:
        begin, end = heatmap.begins[column], heatmap.begins[column + 1]
        end = max(end, begin + timedelta(seconds=1))
        return {"since": _short(begin), "until": _short(end)}

    def link(cell: Cell) -> str:
        where = heatmap.ranges[cell.row].condition(question.of)
        return dashboard.link("requests", choices.also(where), **at(cell.column))

    def span(row: int) -> str:
        found = heatmap.ranges[row]
        return f"{write(found.lower)} to {write(found.upper)}"

    def title(cell: Cell) -> str:
        when = formats.clock(heatmap.begins[cell.column], choices.zone, is_whole=False)
        return f"{when}, {span(cell.row)}: {formats.number(cell.weight)}"

    return dashboard.render(
        "explore_heatmap.html",
        choices,
        **_common(question, answers, "chart"),
        heatmap=heatmap,
        picture=heatmap.drawn(title, link),
        span=span,
        at=at,
        write=write,
    )


def _short(moment: datetime) -> str:
    """Return a time as short as a URL can have it."""
    utc = moment.astimezone(timezone.utc)
    seconds = "" if not utc.second else f":{utc.second:02d}"
    return f"{utc:%Y-%m-%dT%H:%M}{seconds}Z"


def _most(rows: list[dict[str, Any]], measures: tuple[str, ...]) -> dict[str, float]:
    """Return the largest number of each measure, for bars; 0 without any."""
    found = {}
    for name in measures:
        values = [row.get(name) for row in rows]
        numbers = [each for each in values if isinstance(each, (int, float)) and each is not True]
        found[name] = max(numbers, default=0)
    return found


def _small(bins: list[list[float]]) -> Any:  # noqa: ANN401 - Markup, which is no type of ours
    """Return a histogram as small as a word, of its bins that are not empty."""
    text = f"{formats.number(bins[0][0])} to {formats.number(bins[-1][1])}"
    return sparkline([weight for _, _, weight in bins], text)


def _sorted_first(question: Question) -> list[str]:
    """Return the measures, the one first that orders the groups: on a phone, others are hidden."""
    ordered = question.order.removeprefix("-")
    return sorted(question.measures, key=lambda name: name != ordered)


def _descends(question: Question) -> dict[str, str]:
    """Return the order that a click on the title of each column asks for."""
    ordered = question.order or f"-{question.measures[0]}"
    found = {}
    for name in question.by:
        found[name] = f"-{name}" if ordered == name else name
    for name in question.measures:
        if not is_histogram(name):
            found[name] = name if ordered == f"-{name}" else f"-{name}"
    return found


def _suggested(found: dict[str, bool]) -> dict[str, list[str]]:
    return {
        "measures": [*names.MEASURES, *names.measures_of(found)],
        "names": [*names.FIELDS, *found],
        "numbers": ["duration_ms", *(name for name, is_number in found.items() if is_number)],
    }

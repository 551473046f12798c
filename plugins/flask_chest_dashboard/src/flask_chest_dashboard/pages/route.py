"""One route: its distribution, its slowest and failing requests, its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from flask_chest_dashboard import variables
from flask_chest_dashboard.charts.distribution import Distribution
from flask_chest_dashboard.finding import FAILED, Finder
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.settled import settled

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_PERCENTILES: Final = ("p50(duration_ms)", "p95(duration_ms)", "p99(duration_ms)")
_HISTOGRAM: Final = "histogram(duration_ms)"
_STATUS_CODES: Final = 20


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page, and those of its panels that the overview has not."""

    @dashboard.page(views, "/route")
    def route() -> Page:
        choices, scope = dashboard.choices(), Scope.read(request.args)
        chosen = choices.also(*scope.conditions)
        return dashboard.render("route.html", choices, scope=scope, chosen=chosen, failed=FAILED)

    @dashboard.panel(views, "/route/durations")
    def route_durations() -> Page:
        """How long the requests took, and with which status they ended."""
        choices, scope = dashboard.choices(), Scope.read(request.args)
        window, where = settled(dashboard.asker, choices), scope.filter(choices)
        [row] = dashboard.asker.measure(
            _HISTOGRAM, *_PERCENTILES, where=where, since=window.since, until=window.until
        )
        marks = {name[: name.index("(")]: row[name] for name in _PERCENTILES}
        codes = dashboard.asker.measure(
            "count",
            by=("status_code",),
            where=where,
            since=window.since,
            until=window.until,
            limit=_STATUS_CODES,
        )
        return dashboard.render(
            "route_durations.html",
            choices,
            scope=scope,
            distribution=Distribution.of(row[_HISTOGRAM] or [], marks),
            codes=codes,
            total=sum(each["count"] for each in codes),
            chosen=choices.also(*scope.conditions),
        )

    @dashboard.panel(views, "/route/variables")
    def route_variables() -> Page:
        """What its newest requests have recorded."""
        choices, scope = dashboard.choices(), Scope.read(request.args)
        finder = Finder(dashboard.asker, choices.window(), scope.filter(choices))
        records = finder.newest(variables.SAMPLE)
        found = variables.rows(records)
        return dashboard.render(
            "route_variables.html",
            choices,
            scope=scope,
            number=len(records),
            rows=found[: variables.MOST_NAMES],
            others=max(len(found) - variables.MOST_NAMES, 0),
            chosen=choices.also(*scope.conditions),
        )

"""The overview: how much, how fast, how many failures, and of which routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from flask_chest_dashboard import numbers
from flask_chest_dashboard.charts.over_time import charts_of
from flask_chest_dashboard.charts.sparkline import sparkline
from flask_chest_dashboard.comparing import period_before
from flask_chest_dashboard.dimensions import checked_top, tables
from flask_chest_dashboard.explore.missing import why_nothing
from flask_chest_dashboard.routes import COLUMNS, MOST, SHOWN, checked_sort, routes
from flask_chest_dashboard.scope import Scope
from flask_chest_dashboard.settled import left_out, settled

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels. Numbers and charts are on the page of a route, too."""
    asker = dashboard.asker

    @dashboard.page(views, "/")
    def overview() -> Page:
        arguments = _own()
        return dashboard.render("overview.html", dashboard.choices(), own=arguments)

    @dashboard.panel(views, "/overview/numbers")
    def overview_numbers() -> Page:
        """The numbers of the head, each against the time before."""
        choices, scope = dashboard.choices(), Scope.read(request.args)
        window, where = settled(asker, choices), scope.filter(choices)
        found, count = numbers.head(asker, window, where)
        if not count:
            return _nothing(dashboard, choices, scope)
        if not scope.is_of_route:
            found += numbers.declared(asker, window, where, asker.declared())
        return dashboard.render(
            "overview_numbers.html",
            choices,
            numbers=found,
            period=period_before(choices.range_text, choices.length),
            until=window.until if left_out(window, choices) else None,
        )

    @dashboard.panel(views, "/overview/charts")
    def overview_charts() -> Page:
        """How many requests, how many failed, and how long they took, over time."""
        choices, scope = dashboard.choices(), Scope.read(request.args)
        window, where = settled(asker, choices), scope.filter(choices)
        charts = charts_of(asker, window, where, choices.tz)
        return dashboard.render("overview_charts.html", choices, scope=scope, charts=charts)

    @dashboard.panel(views, "/overview/routes")
    def overview_routes() -> Page:
        """The routes as a table."""
        choices, sort = dashboard.choices(), checked_sort(request.args.get("sort", ""))
        shows_more = request.args.get("routes") == "all"
        window, most = settled(asker, choices), MOST if shows_more else SHOWN
        found = routes(asker, window, choices.filter, sort, most)
        return dashboard.render(
            "overview_routes.html",
            choices,
            routes=found,
            sort=sort,
            columns=COLUMNS,
            most=MOST,
            shows_more=shows_more,
            sparkline=sparkline,
            period=period_before(choices.range_text, choices.length),
            own=_own(),
        )

    @dashboard.panel(views, "/overview/dimensions")
    def overview_dimensions() -> Page:
        """The largest groups of each dimension that CHEST_ROLLUPS declares."""
        choices, declared = dashboard.choices(), asker.declared()
        top = checked_top(request.args.get("top", ""), declared)
        window = settled(asker, choices)
        found = tables(asker, window, choices.filter, declared, top)
        return dashboard.render(
            "overview_dimensions.html",
            choices,
            tables=found,
            top=top,
            own=_own(),
        )


def _nothing(dashboard: Dashboard, choices: Choices, scope: Scope) -> Page:
    """Say why there is no request, and what to do."""
    return dashboard.render(
        "overview_nothing.html",
        choices,
        is_empty=not dashboard.asker.records(limit=1),
        hints=why_nothing(dashboard.asker, choices, scope),
        longer=choices.longer(),
        scope=scope,
        page="route" if scope.is_of_route else "overview",
    )


def _own() -> dict[str, Any]:
    """Return the arguments of this page, which its links keep."""
    return {name: request.args.get(name, "") for name in ("sort", "routes", "top")}

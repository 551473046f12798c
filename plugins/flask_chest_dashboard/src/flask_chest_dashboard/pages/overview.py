"""The overview: how much, how fast, and how many failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_chest_dashboard.charts.series import Chart

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page

_PERCENTILES: Final = ("p50(duration_ms)", "p95(duration_ms)", "p99(duration_ms)")


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/")
    def overview() -> Page:
        return dashboard.render("overview.html", dashboard.choices())

    @dashboard.panel(views, "/overview/charts")
    def overview_charts() -> Page:
        """How many requests, how many failed, and how long they took, over time."""
        choices = dashboard.choices()
        window = choices.window()
        rows = dashboard.asker.measure(
            "count",
            "errors",
            *_PERCENTILES,
            every=window.every,
            tz=choices.tz,
            where=choices.filter,
            since=window.since,
            until=window.until,
        )
        charts = [
            Chart.of_rows("Requests", rows, ["count"], "bars"),
            Chart.of_rows("Duration", rows, _PERCENTILES),
        ]
        is_empty = not any(row["count"] for row in rows)
        return dashboard.render(
            "overview_charts.html", choices, charts=charts, window=window, is_empty=is_empty
        )

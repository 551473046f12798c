"""One route: its distribution, its slowest and failing requests, its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/route")
    def route() -> Page:
        name = request.args.get("route", "")
        return dashboard.render("route.html", dashboard.choices(), route=name)

"""The list of requests, and one request with all that it recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/requests")
    def requests() -> Page:
        return dashboard.render("requests.html", dashboard.choices())

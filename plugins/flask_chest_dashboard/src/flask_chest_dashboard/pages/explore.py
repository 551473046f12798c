"""Explore: any question, as a chart and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint

    from flask_chest_dashboard.dashboard import Dashboard
    from flask_chest_dashboard.responses import Page


def add(views: Blueprint, dashboard: Dashboard) -> None:
    """Add the page and its panels."""

    @dashboard.page(views, "/explore")
    def explore() -> Page:
        return dashboard.render("explore.html", dashboard.choices())

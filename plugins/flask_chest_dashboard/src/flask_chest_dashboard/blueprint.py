"""The blueprint with all pages."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flask import abort

from flask_chest.views import Views
from flask_chest_dashboard import gate
from flask_chest_dashboard.dashboard import NAME, Dashboard
from flask_chest_dashboard.pages import PAGES

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest import FlaskChest
    from flask_chest_dashboard.config import DashboardSettings
    from flask_chest_dashboard.responses import Asset


def dashboard_views(app: Flask, chest: FlaskChest, settings: DashboardSettings) -> Views:
    """Return a blueprint with the pages."""
    views = Views(NAME, __name__, url_prefix=settings.dashboard_prefix)
    dashboard = Dashboard(app, chest, settings)
    gate.add(views, dashboard)

    @views.get("/assets/<hashed>")
    def asset(hashed: str) -> Asset:
        return dashboard.assets.response(hashed) or abort(404)

    for page in PAGES:
        import_module(f"flask_chest_dashboard.pages.{page}").add(views, dashboard)
    return views

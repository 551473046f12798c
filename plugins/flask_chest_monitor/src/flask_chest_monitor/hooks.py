"""Entry point: adds the settings and the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask_chest import hookimpl
from flask_chest_monitor.config import MonitorSettings
from flask_chest_monitor.views import monitor_views

if TYPE_CHECKING:
    from flask import Flask
    from pydantic import BaseModel

    from flask_chest import FlaskChest


@hookimpl
def chest_settings() -> type[MonitorSettings]:
    """Add the settings CHEST_MONITOR_..."""
    return MonitorSettings


@hookimpl
def chest_init_app(app: Flask, chest: FlaskChest, settings: BaseModel) -> None:
    """Register the views, unless nobody may look at them."""
    chosen = cast("MonitorSettings", settings)
    if not chosen.is_closed:
        app.register_blueprint(chest.exclude(monitor_views(chest, chosen)))

"""Entry point: adds the settings and the views."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from flask_chest import hookimpl
from flask_chest_monitor.config import MonitorSettings
from flask_chest_monitor.views import monitor_views

if TYPE_CHECKING:
    from flask import Flask
    from pydantic import BaseModel

    from flask_chest import FlaskChest

_logger: Final = logging.getLogger("flask_chest.monitor")


@hookimpl
def chest_settings() -> type[MonitorSettings]:
    """Add the settings CHEST_MONITOR_..."""
    return MonitorSettings


@hookimpl
def chest_init_app(app: Flask, chest: FlaskChest, settings: BaseModel) -> None:
    """Register the views, unless nobody may look at them."""
    chosen = cast("MonitorSettings", settings)
    if chosen.is_closed:
        _logger.info(
            "flask-chest-monitor is installed, but nobody may look: there are no views. Set "
            "CHEST_MONITOR_TOKEN, CHEST_MONITOR_NETWORKS or CHEST_MONITOR_OPEN"
        )
        return
    app.register_blueprint(chest.exclude(monitor_views(chest, chosen)))

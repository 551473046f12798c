"""Entry point: adds the settings, the pages and the commands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from flask_chest import hookimpl
from flask_chest_dashboard.config import DashboardSettings

if TYPE_CHECKING:
    import click
    from flask import Flask
    from pydantic import BaseModel

    from flask_chest import FlaskChest

_logger: Final = logging.getLogger("flask_chest.dashboard")


@hookimpl
def chest_settings() -> type[DashboardSettings]:
    """Add the settings CHEST_DASHBOARD_..."""
    return DashboardSettings


@hookimpl
def chest_init_app(app: Flask, chest: FlaskChest, settings: BaseModel) -> None:
    """Add the pages, unless nobody may look at them."""
    chosen = cast("DashboardSettings", settings)
    if chosen.is_closed:
        _logger.info(
            "flask-chest-dashboard is installed, but nobody may look: there are no pages. Set "
            "CHEST_DASHBOARD_ALLOW, or CHEST_DASHBOARD_USER and CHEST_DASHBOARD_PASSWORD_HASH"
        )
        return
    # Imported here: an application without a dashboard has no use for it.
    from flask_chest_dashboard.blueprint import dashboard_views  # noqa: PLC0415 - see above

    app.register_blueprint(chest.exclude(dashboard_views(app, chest, chosen)))


@hookimpl
def chest_commands() -> list[click.Command]:
    """Add `flask chest dashboard`."""
    from flask_chest_dashboard.commands import dashboard  # noqa: PLC0415 - see above

    return [dashboard]

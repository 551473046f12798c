"""The commands that plugins add."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from flask_chest.current import KEY
from flask_chest.plugins import discovery
from flask_chest.plugins.manager import Plugins
from flask_chest.runtime.counters import Counters
from flask_chest.runtime.log import Throttle

if TYPE_CHECKING:
    import click
    from flask.cli import ScriptInfo

    from flask_chest.settings.model import Settings


def of_application(info: ScriptInfo, own: Collection[str]) -> dict[str, click.Command]:
    """Return the commands of the plugins of an application, by their names.

    Args:
        info: Loads the application.
        own: Names of the commands of Flask-Chest itself.

    Raises:
        ConfigurationError: A plugin fails, or has a command of a name that is taken.
    """
    state = info.load_app().extensions.get(KEY)
    return {} if state is None else state.plugins.commands(own)


def of_installed(options: Settings, own: Collection[str]) -> dict[str, click.Command]:
    """Return the commands of the installed plugins that may be loaded, by their names.

    Raises:
        ConfigurationError: As above, or a plugin cannot be loaded.
    """
    choice = discovery.Choice(
        options.plugins, options.block_plugins, external=options.external_plugins
    )
    found = Plugins({}, Counters(), Throttle(), installed=discovery.load(choice))
    return found.commands(own)

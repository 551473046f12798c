"""Collect the commands that plugins add to `flask chest`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

import click

from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask_chest.plugins.discovery import PluginInfo

_NO_COMMANDS: Final = "returns {!r} in chest_commands, which is not a list of commands of click"


def plugin_commands(
    found: Iterable[tuple[PluginInfo, object]], own: Collection[str]
) -> dict[str, click.Command]:
    """Return the commands of all plugins by their names.

    Args:
        found: What `chest_commands` of each plugin has returned.
        own: Names of the commands of Flask-Chest itself.

    Raises:
        ConfigurationError: A plugin returned something else, or a command has a name that is taken.
    """
    commands: dict[str, click.Command] = {}
    owners = dict.fromkeys(own, "Flask-Chest")
    for plugin, given in found:
        for command in given if isinstance(given, list | tuple) else [given]:
            if not isinstance(command, click.Command) or not command.name:
                raise ConfigurationError(
                    f"The {plugin} {_NO_COMMANDS.format(given)}. {plugin.remedy}"
                )
            owner = owners.get(command.name)
            if owner is not None:
                raise ConfigurationError(
                    f"The {plugin} has a command {command.name!r}, and so has {owner}. "
                    f"{plugin.remedy}"
                )
            commands[command.name], owners[command.name] = command, f"the {plugin}"
    return commands

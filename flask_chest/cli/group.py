"""The group `flask chest`. Its commands are imported when one is run: no request needs them."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from typing import Final

import click
from flask.cli import ScriptInfo, with_appcontext

from flask_chest.cli.output import Group, echo_error
from flask_chest.errors import ConfigurationError
from flask_chest.runtime.command import GROUP

_MODULES: Final = {
    "status": "status:status",
    "check": "check:check",
    "flush": "delivery:flush",
    "dead-letter": "dead_letters:dead_letter",
    "schema": "schema:schema",
    "copy": "copying:copy",
    "import": "importing:import_",
    "purge": "purging:purge",
    "rollup": "rolling_up:rollup",
    "erase": "erasing:erase",
    "query": "querying:query",
    "measure": "measuring:measure",
    "compare": "comparing:compare",
    "tail": "tailing:tail",
    "show": "showing:show",
    "routes": "measuring:routes",
    "top": "measuring:top",
    "export": "exporting:export",
    "plugins": "plugins:plugins",
}
"""Each command, with its module in this package and its name there."""


class Commands(Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help; at the end, those of plugins."""
        own = [*_MODULES, *super().list_commands(ctx)]
        try:
            return [*own, *sorted(self.of_plugins(ctx))]
        except ConfigurationError as error:  # the help is to be shown all the same
            echo_error(error)
            return own

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None when there is none of that name."""
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name) or self.of_plugins(ctx).get(cmd_name)
        module, _, name = _MODULES[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"flask_chest.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None

    def of_plugins(self, ctx: click.Context) -> Mapping[str, click.Command]:
        """Return the commands of the plugins by their names.

        Raises:
            ConfigurationError: A plugin fails, or has a command of a name that is taken.
        """
        info = ctx.find_object(ScriptInfo)
        if info is None:
            return {}
        module = importlib.import_module("flask_chest.cli.plugin_commands")
        found: Mapping[str, click.Command] = module.of_application(info, self.own_names)
        return found

    @property
    def own_names(self) -> Collection[str]:
        """Names of the commands of Flask-Chest itself."""
        return _MODULES.keys()


@with_appcontext
def _begin() -> None:
    importlib.import_module("flask_chest.cli.application").begin()


group: Final = Commands(
    GROUP,
    help="Look after the records of Flask-Chest.",
    callback=_begin,
)

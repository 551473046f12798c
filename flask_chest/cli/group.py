"""The group `flask chest`. Its commands are imported when one is run: no request needs them."""

from __future__ import annotations

import importlib
from typing import Final

import click
from flask.cli import with_appcontext

from flask_chest.cli.output import Group
from flask_chest.runtime.command import GROUP

_MODULES: Final = {
    "status": "status:status",
    "check": "check:check",
    "flush": "delivery:flush",
    "dead-letter": "dead_letters:dead_letter",
    "schema": "schema:schema",
    "copy": "copying:copy",
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
        """Return the names, in the order of the help."""
        return [*_MODULES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None when there is none of that name."""
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        module, _, name = _MODULES[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"flask_chest.cli.{module}"), name)
        return command if isinstance(command, click.Command) else None


@with_appcontext
def _begin() -> None:
    importlib.import_module("flask_chest.cli.application").begin()


group: Final = Commands(
    GROUP,
    help="Look after the records of Flask-Chest.",
    callback=_begin,
)

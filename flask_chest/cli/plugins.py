"""`flask chest plugins`."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_chest.cli.application import found_plugins
from flask_chest.cli.output import echo


@click.command()
@with_appcontext
def plugins() -> None:
    """List the plugins in the order in which they are called.

    Each line has the name of a plugin, its distribution and version, and the names of its hooks,
    separated by tabs. For a plugin that was not loaded, the last column names the setting that
    left it out.
    """
    for plugin in found_plugins():
        hooks = f"left out by {plugin.left_out}" if plugin.left_out else ", ".join(plugin.hooks)
        echo(plugin.name, plugin.origin, hooks)

"""For what a process has loaded the application: to serve it, or to run a command of Flask's."""

from __future__ import annotations

import os
import sys
from typing import Final

import click
from flask.cli import FlaskGroup

GROUP: Final = "chest"
"""Name of our group of commands."""

STANDALONE: Final = "flask-chest"
"""Name of the program that has the same commands, and no application."""


def is_command() -> bool:
    """Return whether a command of Flask's other than `flask run` loads the application now.

    Such as a migration, which a deployment runs while the old processes still serve.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    if _is_standalone(context):
        return True
    return isinstance(context.find_root().command, FlaskGroup) and context.info_name != "run"


def is_ours() -> bool:
    """Return whether one of our own commands loads the application now.

    Flask gives no name of the command that it looks for. A word too many among the arguments of
    another command only makes the journal open later.
    """
    context = click.get_current_context(silent=True)
    if context is not None and _is_standalone(context):
        return True
    return is_command() and GROUP in sys.argv[1:]


def _is_standalone(context: click.Context) -> bool:
    return context.find_root().command.name == STANDALONE


def is_reloaded() -> bool:
    """Return whether this process serves beside another one that only watches the files.

    As with `flask run --debug`. The other one has loaded the application, too, and never serves it.
    """
    return os.environ.get("WERKZEUG_RUN_MAIN") == "true"

"""The application that a command is run for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app

from flask_chest.cli.owner import become_owner
from flask_chest.errors import ChestError

if TYPE_CHECKING:
    from flask_chest.app_state import AppState


def current_state() -> AppState:
    """Return what Flask-Chest keeps for the current application."""
    state: AppState = current_app.extensions["flask_chest"]
    return state


def begin() -> None:
    """Do what all our commands do first: as root, become the user to whom the journal belongs."""
    state = current_state()
    if state.mode:
        click.echo(state.mode, err=True)
    folder = state.journal.folder
    if folder is None:
        return

    def prepare() -> None:
        "".encode("idna")  # imports the codec that every look-up of a host needs
        for exporter in state.exporters.values():
            with contextlib.suppress(Exception):  # the command itself reports it
                exporter.preload()

    try:
        become_owner(folder, trusted=_code_owners(), prepare=prepare)
    except ChestError as error:
        raise click.ClickException(str(error)) from error


def _code_owners() -> set[int]:
    """Return who owns the application's code. Root runs it, and so trusts them."""
    try:
        return {Path(current_app.root_path).stat().st_uid}
    except OSError:
        return set()

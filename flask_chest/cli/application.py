"""The application that a command is run for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app

from flask_chest.cli.exits import way
from flask_chest.cli.output import echo_error
from flask_chest.cli.owner import become_owner
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.journal import DiskJournal
from flask_chest.runtime.command import STANDALONE
from flask_chest.settings.destination import destination
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask_chest.app_state import AppState
    from flask_chest.plugins.discovery import PluginInfo


def current_state() -> AppState:
    """Return what Flask-Chest keeps for the current application."""
    state: AppState = current_app.extensions["flask_chest"]
    return state


def open_store(name: str | None, *, create: bool = False) -> Store:
    """Return the open read side of an exporter; None for that of CHEST_STORE, or the default.

    Args:
        name: Name of the exporter.
        create: Whether a database that is not there is created. That of an application always is.

    Raises:
        click.UsageError: There is no such exporter, or no default.
        ConfigurationError: It cannot be read, or is not there.
        ExporterUnavailable: The database cannot be reached now.
    """
    state = current_state()
    if name is None:
        name = state.stores.default
        kinds = (Store, Unconfigured)
        found = sorted(each for each, kind in state.exporters.items() if isinstance(kind, kinds))
        if state.exporters and not found:
            return state.stores.get()  # which says that none can be read
        if name not in state.exporters and found and not state.mode:
            known = " or ".join(f"--exporter {each}" for each in found)
            raise click.UsageError(f"Say which one to read: {known}")
    if not state.mode:  # else it may be that none was made, which `store` says
        chosen([name])
    exporter = state.exporters.get(name)
    if isinstance(exporter, Unconfigured):
        exporter.open()  # which says what is missing
    if isinstance(exporter, Store) and is_standalone() and not create:
        exporter.refuse_missing()  # else its place is where the application delivers
    return state.stores.get(name)


def chosen(names: Sequence[str]) -> list[str]:
    """Return the names of the exporters that an option chose, all of them without it.

    Raises:
        click.UsageError: There is none of that name.
        click.ClickException: Flask-Chest is switched off, so there is none at all.
    """
    known = current_state().exporters
    if names and not known:
        refuse_in_mode()
    for name in names:
        if name not in known:
            raise click.UsageError(
                f"{name!r}: no such exporter. CHEST_EXPORTERS has {sorted(known)}"
            )
    return list(dict.fromkeys(names)) or list(known)


def readable(names: Sequence[str]) -> list[str]:
    """Return the names of the exporters chosen, without any those of all that can be read.

    Raises:
        click.UsageError: There is none.
    """
    exporters = current_state().exporters
    found = [name for name in chosen(names) if names or isinstance(exporters[name], Store)]
    if not found:
        raise click.UsageError("There is no exporter that can be read")
    return found


def say_empty(store: Store) -> None:
    """Say that nothing was found, and where: the place may be a mistyped one."""
    echo_error(f"Nothing was found in {destination(store)}")


def say_nothing_found(store: Store, name: str | None) -> None:
    """Say that no record was found in the store of an exporter, and what waits for it."""
    say_empty(store)
    state = current_state()
    waiting = state.stats().exporters[name or state.stores.default].pending_bytes
    if waiting and not state.mode:  # else `flush` would do nothing
        echo_error(f"{waiting} bytes wait in the journal: {way('flush')}")


def is_standalone() -> bool:
    """Return whether there is no application: this is `flask-chest`."""
    return click.get_current_context().find_root().command.name == STANDALONE


def found_plugins() -> list[PluginInfo]:
    """Return the plugins that were found, without our own of `flask-chest`."""
    found = current_state().plugins.found
    return [plugin for plugin in found if not (is_standalone() and plugin.name == STANDALONE)]


def disk_journal() -> DiskJournal:
    """Return the journal, which is on the disk.

    Raises:
        click.UsageError: There is none.
    """
    journal = current_state().journal
    if not isinstance(journal, DiskJournal):
        raise click.UsageError(
            "There is no journal on the disk. With flask-chest, name it: --journal FOLDER"
        )
    return journal


def refuse_in_mode() -> None:
    """Refuse what changes a database or the journal, while nothing is to be touched.

    Raises:
        click.ClickException: Flask-Chest is switched off, or the application is under test.
    """
    if current_state().mode:  # which was printed
        raise click.ClickException("Nothing was done")


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

    become_owner(folder, trusted=_code_owners(), prepare=prepare)


def _code_owners() -> set[int]:
    """Return who owns the application's code. Root runs it, and so trusts them."""
    try:
        return {Path(current_app.root_path).stat().st_uid}
    except OSError:
        return set()

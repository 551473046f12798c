"""The application that a command is run for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from flask import current_app

from flask_chest.cli import amounts
from flask_chest.cli.exits import DONE, way
from flask_chest.cli.output import echo_error, message
from flask_chest.cli.owner import become_owner
from flask_chest.cli.unconfigured import Unconfigured
from flask_chest.errors import ConfigurationError, ExporterUnavailable, ended
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


class NoDatabase(click.ClickException):
    """There is no database yet, which is no error: the first delivery creates it."""

    exit_code = DONE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, without the word "Error"."""
        click.echo(message(self.message), file=file, err=file is None)


def open_store(name: str | None, *, create: bool = False) -> Store:
    """Return the open read side of an exporter; None for that of CHEST_STORE, or the default.

    Args:
        name: Name of the exporter.
        create: Whether a database that is not there is created.

    Raises:
        click.UsageError: There is no such exporter, or no default.
        NoDatabase: It is not there yet. The text also says what waits for it.
        ConfigurationError: It cannot be read.
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
    if isinstance(exporter, Store) and not create:
        _refuse_missing(exporter, name)
    try:
        return state.stores.get(name)
    except ExporterUnavailable as error:
        if number := _pending(name):
            raise ExporterUnavailable(
                f"{ended(error)} {amounts.records(number)} in the journal wait for it"
            ) from error
        raise


def _pending(name: str) -> int:
    """Return how many records wait for an exporter of the application."""
    state = current_state()
    return 0 if state.mode else state.stats().exporters[name].pending_records


def is_missing(store: Store) -> bool:
    """Return whether the file or the folder of a store on this disk is not there.

    Whether a bucket is there is found out by whoever opens it: a refusal looks the same.
    """
    place = getattr(store.config, "path", None)
    try:
        return isinstance(place, Path) and not place.exists()
    except OSError:  # opening it says what is wrong
        return False


@contextlib.contextmanager
def refused_missing() -> Iterator[None]:
    """Make an error of it, in the block, that there is no database yet.

    Raises:
        click.ClickException: There is none.
    """
    try:
        yield
    except NoDatabase as nothing:
        raise click.ClickException(nothing.message) from None


def _refuse_missing(exporter: Store, name: str) -> None:
    """Refuse to create a database to read it: a relative path depends on the working directory."""
    if not is_standalone() and (current_state().mode or not is_missing(exporter)):
        return
    try:
        exporter.refuse_missing()
    except ConfigurationError as error:
        if is_standalone():
            raise
        text = f"{name}: {error}"
        if waiting := waits_for(name):
            text = f"{ended(text)} {waiting}"
        raise NoDatabase(text) from error


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
    if waiting := waits_for(name or state.stores.default):
        echo_error(waiting)


def waits_for(name: str) -> str:
    """Return what waits in the journal for an exporter, with the remedy; empty for nothing."""
    state = current_state()
    waiting = state.stats().exporters[name].pending_bytes
    if not waiting or state.mode:  # then `flush` would do nothing
        return ""
    return f"{waiting} bytes wait in the journal: {way('flush')}"


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

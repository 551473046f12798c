"""`flask-chest`: the same commands without the application, for a journal and for stores."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from flask import Flask

from flask_chest._version import __version__
from flask_chest.app_state import AppState
from flask_chest.capture.decorator import TrackDecorator
from flask_chest.cli.application import begin
from flask_chest.cli.group import Commands
from flask_chest.cli.plugin_commands import of_installed
from flask_chest.cli.unconfigured import Plugin, Unconfigured, names_in_journal, refuse_missing
from flask_chest.current import KEY
from flask_chest.runtime import command
from flask_chest.settings.load import Given
from flask_chest.settings.model import ENVIRONMENT_PREFIX, INSTANCE
from flask_chest.store import Store

_STORE: Final = re.compile(r"(?s)(?:([A-Za-z0-9_-]{1,64})=)?([A-Za-z][\w+.-]*://.*)")

_SETTINGS: Final = (
    *("exporters", "journal", "journal_max_bytes", "journal_when_full", "fsync"),
    *("batch_records", "batch_bytes", "retry_seconds", "retry_max_seconds"),
    *("export_timeout_seconds", "shutdown_seconds"),
    *("plugins", "block_plugins", "external_plugins"),
)
"""Those that are read from the environment. Others would import the application, or serve it."""

_ALONE: Final = ("copy", "import", "plugins")
"""Commands that may be given all they need as arguments."""

_VALUES: Final = {"--store": "URL", "--journal": "FOLDER"}
"""The options before a command, each with what it takes."""

_EXPORTERS: Final = f"{ENVIRONMENT_PREFIX}EXPORTERS"
_JOURNAL: Final = f"{ENVIRONMENT_PREFIX}JOURNAL"


class _Owner:
    """Stands where an application has its FlaskChest."""


_owner: Final = _Owner()


def _make_app(journal: str | None, stores: Mapping[str, str], *, needs_nothing: bool) -> Flask:
    """Return an application that serves nothing, for which the commands run.

    Args:
        journal: Folder of the journal; None for that of the environment, if it has one.
        stores: URLs by name; empty for those of the environment, if it has any.
        needs_nothing: Whether there may be neither of them.

    Raises:
        ConfigurationError: A setting or a URL is wrong.
        click.UsageError: There is neither a journal nor a store, or the folder is no journal.
    """
    given = Given({}, {}, only=_SETTINGS).settings()
    if journal is None:
        journal = "memory" if INSTANCE in given.journal else given.journal
    if journal != "memory":
        refuse_missing(journal)
    exporters: dict[str, str | dict[str, Any]] = {
        **(stores or {n: e for n, e in given.exporters.items() if not _names_instance(e)})
    }
    for name in names_in_journal(journal):
        exporters.setdefault(name, {"type": Unconfigured.type, "name": name})
    if not exporters and journal == "memory" and not needs_nothing:
        raise click.UsageError(
            "Say what to work on: --store URL for a database, --journal FOLDER for the journal "
            f"of an application, or both. {_EXPORTERS} and {_JOURNAL} say the same in the "
            "environment"
        )
    unknown = {"main": {"type": Unconfigured.type, "name": "main"}}
    # What --store names is not completed from the environment: its password is of another database.
    rest = [name for name in _SETTINGS if name not in ("exporters", "journal")]
    settings = Given({"journal": journal, "exporters": exporters or unknown}, {}, only=rest)
    app = Flask("flask_chest", instance_path="/", static_folder=None)
    app.extensions[KEY] = AppState(
        app, _owner, settings, {"flask-chest": Plugin()}, TrackDecorator()
    )
    for exporter in app.extensions[KEY].exporters.values():
        if isinstance(exporter, Store):
            # It is the application that says both: the database stays as it is.
            exporter.rollups, exporter.knows_retention = True, exporter.retention is not None
    return app


def _names_instance(entry: object) -> bool:
    """Return whether an entry has its place in the instance folder of an application."""
    values = entry.values() if isinstance(entry, Mapping) else [entry]
    return any(INSTANCE in value for value in values if isinstance(value, str))


def _read_stores(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    stores: dict[str, str] = {}
    for value in values:
        match = _STORE.fullmatch(value)
        if match is None:  # not repeated: it may be the half of a password
            raise click.BadParameter("is no URL, and no NAME=URL")
        name = match[1] or "main"
        if name in stores:
            raise click.BadParameter(f"{name!r} is there twice. Name each: NAME=URL")
        stores[name] = match[2]
    return stores


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value and not context.resilient_parsing:
        click.echo(f"Flask-Chest {__version__}")
        context.exit()


@click.pass_context
def _begin(context: click.Context, store: dict[str, str], journal: str | None) -> None:
    name = context.invoked_subcommand
    needs_nothing = name in _ALONE or name not in main.own_names  # of a plugin
    app = _make_app(journal, store, needs_nothing=needs_nothing)
    context.with_resource(app.app_context())
    begin()


class _Commands(Commands):
    """The same commands, and those of the installed plugins."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command.

        Raises:
            click.UsageError: One of our options stands behind it.
        """
        given = list(args)
        rest = super().parse_args(ctx, args)
        name = given[-len(rest) - 1] if len(rest) < len(given) else ""
        if ctx.resilient_parsing or name not in self.own_names:  # a plugin has options of its own
            return rest
        for each in itertools.takewhile(lambda each: each != "--", rest):
            option = each.partition("=")[0]
            if option in _VALUES:
                raise click.UsageError(
                    "--store and --journal stand before the command: "
                    f"{command.STANDALONE} {option} {_VALUES[option]} {name}"
                )
        return rest

    def of_plugins(self, ctx: click.Context) -> Mapping[str, click.Command]:  # noqa: ARG002 - no app
        """Return the commands of the plugins by their names.

        Raises:
            ConfigurationError: A plugin cannot be loaded or fails, or has a name that is taken.
        """
        return of_installed(Given({}, {}, only=_SETTINGS).settings(), self.own_names)


main: Final = _Commands(
    command.STANDALONE,
    help="Look after the records of Flask-Chest, without the application.",
    epilog=(
        f"A password is safer in the environment: {_EXPORTERS}, or {_EXPORTERS}__NAME for each; "
        f"safest in a file: {_EXPORTERS}__NAME__PASSWORD_FILE."
    ),
    callback=_begin,
    params=[
        click.Option(
            ["--store"],
            multiple=True,
            metavar="[NAME=]URL",
            callback=_read_stores,
            help="Database of the exporter NAME, by default main. May be given several times.",
        ),
        click.Option(["--journal"], metavar="FOLDER", help="Folder of the journal."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
    ],
)
"""The console script."""

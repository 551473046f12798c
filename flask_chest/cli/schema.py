"""`flask chest schema`: the tables, indexes and views in each database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import click
from flask.cli import with_appcontext

from flask_chest.cli import options
from flask_chest.cli.application import chosen, current_state, refuse_in_mode
from flask_chest.cli.output import Group, echo, echo_error, one_line
from flask_chest.cli.streams import write
from flask_chest.errors import ChestError
from flask_chest.exporter import Exporter
from flask_chest.runtime.printable import printable
from flask_chest.store import another

schema = Group("schema", help="Print, create or repair what the databases need.")


@schema.command("print")
@options.some_exporters
@with_appcontext
def print_(exporters: Sequence[str]) -> None:
    """Print the statements that create the schema, for an administrator.

    Nothing is connected to. Once they have been run, the user that delivers needs no right to
    create anything.

    \b
    Example:
      flask chest schema print --exporter main > chest.sql
    """  # noqa: D301 - click reads \b as "keep these lines"
    for name in chosen(exporters):
        exporter = current_state().exporters[name]
        statements = another(exporter).ddl()
        # A comment in SQL and in mongosh's JavaScript alike.
        need = "" if statements else ", which needs no schema"
        write(f"/* {name}: {exporter.type}{need} */")
        for statement in statements:
            text = statement.rstrip().removesuffix(";").expandtabs(2)
            write("\n".join(map(printable, text.split("\n"))) + ";")


@schema.command()
@options.some_exporters
@with_appcontext
def apply(exporters: Sequence[str]) -> None:
    """Create the schema where it is missing, as the first delivery would."""

    def create(exporter: Exporter) -> list[str]:
        exporter.check()
        with contextlib.closing(exporter):
            exporter.open()  # creates the rollups, too
        return ["the schema is there"]

    _for_each(exporters, create)


@schema.command()
@options.some_exporters
@with_appcontext
def repair(exporters: Sequence[str]) -> None:
    """Create again what is missing, such as a view or an index; lose no record."""
    _for_each(exporters, lambda exporter: exporter.repair() or ["nothing was to be repaired"])


def _for_each(exporters: Sequence[str], do: Callable[[Exporter], list[str]]) -> None:
    """Do something with each exporter, and print what it says; fail in the end if one failed."""
    refuse_in_mode()
    failed = []
    for name in chosen(exporters):
        try:
            for done in do(another(current_state().exporters[name])):
                echo(f"{name}: {one_line(done)}")
        except ChestError as error:
            failed.append(name)
            echo_error(f"{name}: {error}")
    if failed:
        raise click.ClickException(f"Not done for {', '.join(failed)}")

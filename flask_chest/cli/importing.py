"""`flask chest import`: the rows that Flask-Chest 0.0.10 wrote, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options, places
from flask_chest.cli.application import current_state, is_standalone, refuse_in_mode
from flask_chest.cli.exits import going_on
from flask_chest.cli.import_report import ImportWords, say_before
from flask_chest.cli.output import echo, echo_error, one_line
from flask_chest.cli.progress import Progress
from flask_chest.encode.record_fields import RecordFields
from flask_chest.errors import ConfigurationError
from flask_chest.settings import stages
from flask_chest.settings.load import Given
from flask_chest.upkeep.importing import RecordMaker, import_rows
from flask_chest.upkeep.old_rows import OldRows, path_of
from flask_chest.upkeep.old_variables import Kinds, OldVariables, unknown

if TYPE_CHECKING:
    from flask_chest.errors import BatchRejected
    from flask_chest.record import Record
    from flask_chest.settings.model import Settings

_OF_RECORDS: Final = (
    *("service", "variables", "fields"),
    *("redact_keys", "redact_values", "redact_with", "redact_key"),
)
"""Settings that `flask-chest` reads from the environment for this command."""


@click.command("import")
@click.option(
    "--from-0.0.10",
    "source",
    required=True,
    metavar="URL",
    help="SQLite file that Flask-Chest 0.0.10 wrote: its path, or a URL.",
)
@click.option(
    "--to", "target", metavar="STORE", help="Exporter's name, or URL. Default: CHEST_STORE."
)
@click.option(
    "--service",
    callback=options.read_text,
    metavar="NAME",
    help="The field `service`. Default: CHEST_SERVICE.",
)
@click.option(
    "--started-at",
    callback=options.read_moment,
    metavar="WHEN",
    help="Time of all these records. Default: when the file was last written.",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NAME",
    help="Variable, or pattern such as cost_*, that was a number. May be given several times.",
)
@click.option(
    "--boolean",
    "booleans",
    multiple=True,
    metavar="NAME",
    help="Variable that was True or False, written as 1 or 0. May be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Count, and write nothing.")
@with_appcontext
def import_(
    source: str,
    target: str | None,
    service: str | None,
    started_at: datetime | None,
    dry_run: bool,  # noqa: FBT001 - click's own way
    **kinds: tuple[str, ...],
) -> None:
    """Take rows of Flask-Chest 0.0.10 over, one record a request.

    Values stay the texts that 0.0.10 made of them; --number and --boolean say which were none. What
    a store has already is not written again, so the command may be repeated at any time, with the
    same --service. The file is not changed.

    \b
    Examples:
      flask chest import --from-0.0.10 db.sqlite3 --dry-run
      flask chest import --from-0.0.10 sqlite:////var/lib/shop/db.sqlite3 --number "cart_*"
    """  # noqa: D301 - click reads \b as "keep these lines"
    refuse_in_mode()
    _refuse_elsewhere(source)
    settings = _settings()
    service = service or settings.service or _service()
    masked: Counter[str] = Counter()
    redact = stages.make_redactor(settings, None if is_standalone() else current_app.secret_key)
    variables = OldVariables(redact, _exclusions(settings), Kinds(**kinds))
    fields = RecordFields(settings.fields, redact, lambda number, _forms: masked.update(number))
    refused: list[str] = []

    def rejected(record: Record, error: BatchRejected) -> None:
        refused.append(record.id)
        echo_error(f"{record.request_id} was refused: {one_line(error)}")

    with going_on("Nothing was imported."), OldRows(source) as rows:
        _refuse_unknown(rows, kinds)
        with places.target(target, create=not dry_run) as writing:
            began = started_at or rows.last_write
            say_before(rows, writing, began, is_given=started_at is not None)
            maker = RecordMaker(service, began, variables, fields)
            words = ImportWords(target, service, writing, dry_run=dry_run)
            with going_on(words.going_on), Progress("import", rows.requests) as progress:
                report = import_rows(
                    rows, writing, maker, dry_run=dry_run, progress=progress.add, rejected=rejected
                )
    echo(words.counts(report))
    words.say_rest(report, variables, masked + variables.masked)
    if refused:
        raise click.ClickException(f"{amounts.records(len(refused))} refused by the target")
    words.refuse(report, is_time_given=started_at is not None)


def _refuse_unknown(rows: OldRows, kinds: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse an option that is of no variable: once written as texts, they would stay texts."""
    names = rows.names()
    found = [
        (f"--{option.removesuffix('s')} {wrong}", near)
        for option, patterns in kinds.items()
        for wrong, near in unknown(patterns, names)
    ]
    if found:
        wrong = ", ".join(each for each, _ in found)
        near = ", ".join(each for _, each in found if each)
        hint = f". Did you mean {near}?" if near else ""
        raise click.UsageError(f"No variable of {rows.path} has the name of {wrong}{hint}")


def _refuse_elsewhere(source: str) -> None:
    try:
        path_of(source)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--from-0.0.10") from None


def _settings() -> Settings:
    """Return the settings of the application; without one, those that matter here."""
    if not is_standalone():
        return current_state().options
    return Given({}, {}, only=_OF_RECORDS).settings()


def _service() -> str:
    if is_standalone():
        raise click.UsageError("Say of which service the rows are: --service NAME")
    return current_state().service


def _exclusions(settings: Settings) -> list[str]:
    """Return what CHEST_VARIABLES excludes. A route of 0.0.10 is known no more, nor its method."""
    given = settings.variables
    lists = given.values() if isinstance(given, Mapping) else [given]
    return [name[1:] for each in lists for name in each if name.startswith("!")]

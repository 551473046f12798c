"""`flask chest import`: the rows that Flask-Chest 0.0.10 wrote, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_chest.cli import amounts, options, places
from flask_chest.cli.application import current_state, is_standalone, refuse_in_mode
from flask_chest.cli.exits import going_on, way
from flask_chest.cli.output import echo, echo_error, one_line
from flask_chest.cli.progress import Progress
from flask_chest.encode.record_fields import RecordFields
from flask_chest.errors import ConfigurationError
from flask_chest.runtime.command import STANDALONE
from flask_chest.settings import stages
from flask_chest.settings.load import Given
from flask_chest.settings.masking import mask_urls
from flask_chest.store import Store
from flask_chest.upkeep.importing import IMPORT, ImportReport, RecordMaker, import_rows
from flask_chest.upkeep.old_rows import OldRows, path_of
from flask_chest.upkeep.old_variables import Kinds, OldVariables

if TYPE_CHECKING:
    from flask_chest.errors import BatchRejected
    from flask_chest.exporter import Exporter
    from flask_chest.record import Record
    from flask_chest.settings.model import Settings

_OF_RECORDS: Final = (
    *("service", "variables", "fields"),
    *("redact_keys", "redact_values", "redact_with", "redact_key"),
)
"""Settings that `flask-chest` reads from the environment for this command."""

_MOST: Final = 10
"""Names, and request IDs, that are shown."""


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
@click.option("--service", metavar="NAME", help="The field `service`. Default: CHEST_SERVICE.")
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
    the target has already is not written again, so the command may be repeated at any time. The
    file is not changed.

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

    again = "What is imported stays. Run the same command again: it passes over what is there."
    with (
        going_on(again),
        OldRows(source) as rows,
        places.target(target, create=not dry_run) as writing,
    ):
        began = started_at or rows.last_write
        if started_at is None:
            _say_time(rows)
        _say_retention(writing, began)
        maker = RecordMaker(service, began, variables, fields)
        with Progress("import", rows.requests) as progress:
            report = import_rows(
                rows, writing, maker, dry_run=dry_run, progress=progress.add, rejected=rejected
            )
    echo(
        f"{report.rows:,} rows: {amounts.records(report.imported)} "
        f"{'to import' if dry_run else 'imported'}, {report.present:,} were there, "
        f"{report.rejected:,} refused"
    )
    _say_rest(report, variables, masked + variables.masked)
    if refused:
        raise click.ClickException(f"{amounts.records(len(refused))} refused by the target")
    if report.different:
        raise click.ClickException(
            f"{amounts.records(len(report.different))} left as they were. To write them anew, with "
            f"the options of now, erase first what was imported: {_erasure(target)}. Then repeat "
            "this command"
        )


def _erasure(target: str | None) -> str:
    """Return the command that erases what was imported into a target."""
    command = f"erase \"method == '{IMPORT}'\""
    if target is None or "://" not in target:
        return way(command)
    return f"{STANDALONE} --store {mask_urls(target)} {command}"


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


def _say_time(rows: OldRows) -> None:
    echo_error(
        "0.0.10 kept no times. The records get the time when the file was last written, "
        f"{amounts.moment(rows.last_write)}; --started-at gives them another"
    )


def _say_retention(target: Exporter, began: datetime) -> None:
    kept = target.retention if isinstance(target, Store) else None
    if kept is not None and began < datetime.now(timezone.utc) - kept:
        echo_error(
            "They are older than the retention of the target, which deletes them within the hour. "
            "Set CHEST_RETENTION, or give a newer --started-at"
        )


def _say_rest(report: ImportReport, variables: OldVariables, masked: Counter[str]) -> None:
    """Say what became of what is no variable of a record as it was."""
    if masked:
        echo_error(f"Redacted: {_counts(masked)}")
    if variables.excluded:
        echo_error(f"{_values(variables.excluded)} left out, as CHEST_VARIABLES excludes them")
    if variables.untyped:
        echo_error(
            f"Not of the kind that the options say, and left texts: {_counts(variables.untyped)}"
        )
    if report.anonymous:
        echo_error(f"{_rows(report.anonymous)} without a request ID: each is a record of its own")
    if report.nameless:
        echo_error(f"{_rows(report.nameless)} without a name left out")
    if report.replaced:
        echo_error(
            f"{_rows(report.replaced)} left out, as a later row has the same request ID and name, "
            "and another value"
        )
    if report.different:
        shown = ", ".join(report.different[:_MOST])
        more = ", ..." if len(report.different) > _MOST else ""
        echo_error(f"There with other variables, and left as they were: {shown}{more}")
    if report.imported:
        echo_error(
            "0.0.10 kept no durations. In questions, each record counts as a request of 0 ms "
            f"unless a filter leaves it out: --where \"method != '{IMPORT}'\""
        )


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _values(number: int) -> str:
    return f"{number:,} value{'' if number == 1 else 's'}"


def _counts(counts: Counter[str]) -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in counts.most_common(_MOST))
    return shown + (", ..." if len(counts) > _MOST else "")

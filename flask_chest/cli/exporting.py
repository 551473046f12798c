"""`flask chest export`: records as CSV, JSON Lines or Parquet, in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import amounts, parquet, questions
from flask_chest.cli.application import open_store, say_nothing_found
from flask_chest.cli.exits import Interrupted
from flask_chest.cli.files import whole_file
from flask_chest.cli.listing import csv_lines, json_line
from flask_chest.cli.missing import Unseen
from flask_chest.cli.names import Name
from flask_chest.cli.progress import Progress
from flask_chest.cli.spool import Spool
from flask_chest.cli.streams import has_reader, is_terminal, write
from flask_chest.query import Filter
from flask_chest.record import Record, RecordData

_FORMATS: Final = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_LINES_AT_ONCE: Final = 100


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write, by default stdout. It replaces one that is there when it is whole.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "csv", "parquet"]),
    help="By default what the name of FILE ends with, or json: one object a line.",
)
@questions.chosen
@questions.order_by("started_at", "Field or variable; with a minus sign, the largest first.")
@questions.limit(None, "records")
@questions.columns
@click.option(
    "--raw", is_flag=True, help="Write texts in CSV as they are: see docs/how-to/export.md."
)
@with_appcontext
def export(
    *,
    output: Path | None,
    format_: str | None,
    where: Filter | None,
    since: datetime | None,
    until: datetime | None,
    order_by: str,
    limit: int | None,
    columns: Sequence[Name],
    raw: bool,
    exporter: str | None,
) -> None:
    """Write records to a file or to stdout, all that there are.

    CSV and Parquet have a column for each field and each variable. In CSV, a text that a
    spreadsheet might run begins with an apostrophe, unless --raw is given. The exit status is 1
    when a record cannot be read: all others are written.

    \b
    Examples:
      flask chest export --since 7d --output last_week.parquet
      flask chest export --where "tenant == 'acme'" --format csv > acme.csv
    """  # noqa: D301 - click reads \b as "keep these lines"
    if output is not None and not output.resolve().parent.is_dir():
        raise click.UsageError(f"--output: there is no folder {output.parent}. Create it first")
    format_ = format_ or _format_of(output)
    if output is None and raw and is_terminal(sys.stdout):
        raise click.UsageError("--raw on a terminal, which would obey what a client sent")
    if format_ == "parquet":
        if output is None:
            raise click.UsageError("Parquet is no text: name the file, --output FILE")
        parquet.refuse_without_pyarrow()
    store = open_store(exporter)
    found = store.records(where, since=since, until=until, order_by=order_by, limit=limit)
    unseen = Unseen((where,), columns, order_by)
    with Progress("export") as progress:
        progress.is_shown &= output is not None or not is_terminal(sys.stdout)
        records = _counted(found, progress, unseen)
        try:
            if output is None:
                _print(_lines(records, format_, columns, raw=raw))
            elif format_ == "parquet":
                _write_parquet(output, records, columns)
            else:
                lines = _lines(records, format_, columns, raw=raw, folder=output.parent)
                with whole_file(output) as file:
                    file.writelines(f"{line}\n".encode() for line in lines)
        except KeyboardInterrupt:
            what = "What was printed is not all" if output is None else f"{output} was not written"
            raise Interrupted(f"{what}.") from None
    unreadable = store.unreadable
    if not progress.done:
        say_nothing_found(store, exporter)
    unseen.say(store, since=since, until=until, found=progress.done)
    if unreadable:
        raise click.ClickException(
            f"Not exported: {amounts.records(unreadable)} that cannot be read"
        )


def _format_of(output: Path | None) -> str:
    """Return the format that the name of a file stands for.

    Raises:
        click.UsageError: Its ending stands for none.
    """
    ending = "" if output is None else output.suffix.lower()
    if ending and ending not in _FORMATS:
        raise click.UsageError(
            f"--output: {ending} stands for no format. Write {', '.join(_FORMATS)}, or say which "
            "one is meant: --format json, csv or parquet"
        )
    return _FORMATS.get(ending, "json")


def _counted(records: Iterable[Record], progress: Progress, unseen: Unseen) -> Iterator[RecordData]:
    for record in records:
        progress.add(1)
        data = record.as_data()
        unseen.look(data)
        yield data


def _print(lines: Iterator[str]) -> None:
    while has_reader() and (some := list(islice(lines, _LINES_AT_ONCE))):
        write("\n".join(some))


def _lines(
    records: Iterable[RecordData],
    format_: str,
    names: Sequence[Name],
    *,
    raw: bool,
    folder: Path | None = None,
) -> Iterator[str]:
    if format_ == "csv":
        return csv_lines(records, names, raw=raw, folder=folder)
    return (json_line(record, names) for record in records)


def _write_parquet(output: Path, records: Iterable[RecordData], names: Sequence[Name]) -> None:
    with Spool(names or None, output.parent) as spool:
        for record in records:
            spool.add(record)
        with whole_file(output) as file:
            parquet.write_parquet(file, spool.columns, spool.rows())

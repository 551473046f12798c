"""`flask chest compare`: what some requests have that others have not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import completion, options, questions
from flask_chest.cli.application import open_store, say_nothing_found
from flask_chest.cli.missing import Unseen
from flask_chest.cli.names import Name
from flask_chest.cli.results import print_rows
from flask_chest.cli.streams import has_reader, write
from flask_chest.cli.tables import Table, amount, cell, terminal_width
from flask_chest.query import Filter

_NAMES: Final = ("name", "value")
_SHARES: Final = ("share", "other_share")
_COUNTS: Final = ("count", "other_count")


@click.command()
@click.argument(
    "filter_", metavar="FILTER", callback=options.read_filter, shell_complete=completion.filters
)
@click.option(
    "--against",
    callback=questions.read_filter_option,
    metavar="FILTER",
    shell_complete=completion.filters,
    help="Those that they are compared with. By default, all others.",
)
@click.option(
    "--among",
    multiple=True,
    callback=questions.read_names_option,
    metavar="NAMES",
    shell_complete=completion.names,
    help="Only the values of these, with commas between. By default, of all that there are.",
)
@questions.since
@questions.until
@questions.limit(20)
@questions.exporter
@questions.format_("table", "json", "csv")
@with_appcontext
def compare(
    *,
    filter_: Filter,
    against: Filter | None,
    among: Sequence[Name],
    since: datetime | None,
    until: datetime | None,
    limit: int,
    exporter: str | None,
    format_: str,
) -> None:
    """Show what some records have more often than others.

    Some are those that satisfy FILTER. Each line has a field or variable, a value, and its share
    in both sets. The largest difference comes first.

    \b
    Examples:
      flask chest compare 'duration_ms > 500' --since 24h
      flask chest compare 'status_code >= 500' --against 'status_code < 400' --among app.release
    """  # noqa: D301 - click reads \b as "keep these lines"
    store = open_store(exporter)
    rows = store.differences(
        filter_,
        against=against,
        among=[name.text for name in among] or None,
        since=since,
        until=until,
        limit=limit,
    )
    if not rows:
        say_nothing_found(store, exporter)
    unseen = Unseen((filter_, against), among)
    unseen.say_at_once(store, since=since, until=until)
    if format_ != "table":
        print_rows(rows, format_, by=_NAMES, numbers=(*_SHARES, *_COUNTS))
        return
    for line in _lines(rows):
        write(line)
        if not has_reader():
            return


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    numbers = (*_SHARES, *_COUNTS)
    table = Table((*_NAMES, *numbers), right=numbers, whole=("name",), columns=terminal_width())
    return table.lines(
        [
            *(cell(row[name]) for name in _NAMES),
            *(f"{row[name]:.1%}" for name in _SHARES),
            *(amount(row[name]) for name in _COUNTS),
        ]
        for row in rows
    )

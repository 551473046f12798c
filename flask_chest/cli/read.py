"""`flask chest records`, `flask chest routes` and `flask chest top`."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from flask_chest.cli import options
from flask_chest.cli.application import current_state, open_store, say_empty
from flask_chest.cli.exits import way
from flask_chest.cli.output import echo, echo_error, echo_json
from flask_chest.cli.streams import has_reader


@click.command()
@click.option("--request-id", help="Show only the request with this ID.")
@options.limit
@options.exporter
@with_appcontext
def records(request_id: str | None, limit: int, exporter: str) -> None:
    """Show the newest records, one JSON object a line.

    \b
    Example:
      flask chest records --request-id 0199c5a8-1f0b-7c3e-b1f2-4a5d6e7f8091
    """  # noqa: D301 - click reads \b as "keep these lines"
    store = open_store(exporter)
    if request_id is None:
        found = store.query(limit=limit)
    else:
        found = store.query(limit=limit, request_id=request_id)
    for record in found:
        echo_json(record.as_data())
        if not has_reader():
            return
    waiting = current_state().stats().exporters[exporter].pending_bytes
    if not found:
        say_empty(store)
        if waiting and not current_state().mode:  # else `flush` would do nothing
            echo_error(f"{waiting} bytes wait in the journal: {way('flush')}")


@click.command()
@options.exporter
@with_appcontext
def routes(exporter: str) -> None:
    """Show requests, errors and durations of each route.

    An error is an unhandled exception or a status code of at least 500. p50 and p95 are the median
    and the 95th percentile of the duration, in milliseconds.
    """
    line = "{:>8} {:>7} {:>9} {:>9}  {}"
    store = open_store(exporter)
    rows = store.routes()
    if not rows:
        say_empty(store)
    echo(line.format("count", "errors", "p50 ms", "p95 ms", "route"))
    for row in rows:
        echo(
            line.format(
                f"{row.count:g}",
                f"{row.errors:g}",
                f"{row.p50_ms:.2f}",
                f"{row.p95_ms:.2f}",
                f"{row.method} {row.route or '(no route)'}",
            )
        )


@click.command()
@click.argument("name")
@options.limit
@options.exporter
@with_appcontext
def top(name: str, limit: int, exporter: str) -> None:
    """Show the most frequent values of the variable NAME.

    Each line has the number of requests, and the value.

    \b
    Example:
      flask chest top user_id --limit 20
    """  # noqa: D301 - click reads \b as "keep these lines"
    store = open_store(exporter)
    rows = store.top_values(name, limit=limit)
    if not rows:
        say_empty(store)
    for row in rows:
        echo(f"{row.count:>8g}  {'null' if row.value is None else row.value}")

"""`flask chest measure`, `routes` and `top`: what a store works out from groups of records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import completion, questions
from flask_chest.cli.application import open_store, say_nothing_found
from flask_chest.cli.missing import (
    empty_conditions,
    empty_measures,
    empty_operands,
    say_missing,
    say_why_nothing,
)
from flask_chest.cli.names import Name
from flask_chest.cli.output import echo_error
from flask_chest.cli.results import print_rows
from flask_chest.query import Filter
from flask_chest.query.nodes import And, IsNull

_OVERVIEW: Final = (
    *("count", "error_rate"),
    *("p50(duration_ms)", "p95(duration_ms)", "p99(duration_ms)"),
)
_LARGEST_FIRST: Final = "Measure or name; with a minus sign, the largest first."


@click.command()
@click.argument("measures", nargs=-1, metavar="[MEASURE]...", shell_complete=completion.measures)
@questions.by
@click.option("--every", metavar="LENGTH", help="Length of a bucket of time, such as 5m, 1h or 1d.")
@click.option(
    "--tz",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Time zone of the buckets, such as Europe/Berlin.",
)
@questions.chosen
@questions.order_by(None, _LARGEST_FIRST)
@questions.limit(100, "groups")
@click.option("--explain", is_flag=True, help="Say on stderr where the answer comes from.")
@questions.format_("table", "json", "csv")
@with_appcontext
def measure(
    *,
    measures: Sequence[str],
    by: Sequence[Name],
    every: str | None,
    tz: str,
    where: Filter | None,
    since: datetime | None,
    until: datetime | None,
    order_by: str | None,
    limit: int,
    explain: bool,
    exporter: str | None,
    format_: str,
) -> None:
    """Measure records: how many, how fast, how much.

    They are grouped by --by, and over time by --every. Without a MEASURE: the count, the error
    rate, and percentiles of the duration. A measure with brackets is in quotes, as the shell would
    read them. In a table with --every and --by, each group has a sparkline, with its largest value
    behind it.

    \b
    Examples:
      flask chest measure --by route --since 24h
      flask chest measure count 'p95(duration_ms)' --every 1h --by route --since 7d
      flask chest measure 'sum(cost_usd)' --by model --where "tenant == 'acme'"
    """  # noqa: D301 - click reads \b as "keep these lines"
    store = open_store(exporter)
    asked = measures or _OVERVIEW
    groups = [name.text for name in by]
    rows = store.measure(
        *asked,
        by=groups,
        every=every,
        tz=tz,
        where=where,
        since=since,
        until=until,
        order_by=order_by,
        limit=limit,
        explain=explain,
    )
    if explain:
        for line in rows[0]["explain"]:
            echo_error(line)
        rows = rows[1:]
    if not rows:
        say_nothing_found(store, exporter)
    print_rows(rows, format_, by=groups, numbers=asked)
    if all(not row.get(text) for row in rows for text in asked):
        say_why_nothing(store, where, since=since, until=until)
    named = {name.text: name.operand for name in by if name.operand is not None}
    say_missing(
        store,
        empty_operands(rows, asked, named),
        conditions=empty_conditions(rows, asked),
        where=where,
        since=since,
        until=until,
        measures=empty_measures(rows, asked),
    )


@click.command()
@questions.chosen
@questions.order_by("-count", _LARGEST_FIRST)
@questions.limit(100, "routes")
@questions.format_("table", "json", "csv")
@with_appcontext
def routes(
    *,
    where: Filter | None,
    since: datetime | None,
    until: datetime | None,
    order_by: str,
    limit: int,
    exporter: str | None,
    format_: str,
) -> None:
    """Show requests, errors and durations of each route.

    An error is an unhandled exception or a status code of at least 500. Durations are in
    milliseconds.

    \b
    Example:
      flask chest routes --since 24h --order-by -error_rate
    """  # noqa: D301 - click reads \b as "keep these lines"
    _print_groups(
        exporter,
        _OVERVIEW,
        ["method", "route"],
        format_,
        where=where,
        since=since,
        until=until,
        order_by=order_by,
        limit=limit,
    )


@click.command()
@click.argument("name", callback=questions.read_name_argument, shell_complete=completion.names)
@questions.chosen
@questions.limit(10, "values")
@questions.format_("table", "json", "csv")
@with_appcontext
def top(
    *,
    name: Name,
    where: Filter | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    exporter: str | None,
    format_: str,
) -> None:
    """Show the most frequent values of the field or variable NAME.

    \b
    Example:
      flask chest top user_id --where "route == '/checkout'" --since 7d
    """  # noqa: D301 - click reads \b as "keep these lines"
    _print_groups(
        exporter,
        ["count"],
        [name.text],
        format_,
        where=_with_value(name, where),
        since=since,
        until=until,
        limit=limit,
    )


def _with_value(name: Name, where: Filter | None) -> Filter | None:
    if name.operand is None:  # which was refused
        return where
    is_there = IsNull(name.operand, negated=True)
    text = f"{name.text} is not None"
    if where is None:
        return Filter(text, is_there)
    return Filter(f"({where}) and {text}", And((where.root, is_there)))


def _print_groups(
    exporter: str | None,
    measures: Sequence[str],
    by: Sequence[str],
    format_: str,
    **options: Any,  # noqa: ANN401 - as `Store.measure` has them
) -> None:
    store = open_store(exporter)
    rows = store.measure(*measures, by=by, **options)
    if not rows:
        say_nothing_found(store, exporter)
        times = {name: options[name] for name in ("since", "until")}
        say_why_nothing(store, options["where"], **times)
    print_rows(rows, format_, by=by, numbers=measures)

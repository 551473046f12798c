"""`flask chest show`: one request, and what happened around it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click
from flask.cli import with_appcontext

from flask_chest.cli import options, questions
from flask_chest.cli.application import open_store, refused_missing, say_nothing_found
from flask_chest.cli.listing import print_records
from flask_chest.cli.names import Name
from flask_chest.cli.output import echo, echo_error
from flask_chest.cli.streams import write
from flask_chest.cli.tables import cell, width
from flask_chest.query import Filter
from flask_chest.query.evaluate import MISSING, value_of
from flask_chest.query.nodes import Compare, Field, Operand, Value
from flask_chest.record import Record
from flask_chest.runtime.printable import printable
from flask_chest.store import Store

_MOST: Final = 100
"""Requests with one ID that are shown. A client may send the same ID again and again."""

_MICROSECOND: Final = timedelta(microseconds=1)


@click.command()
@click.argument("request_id", callback=options.read_text)
@click.option(
    "--same",
    multiple=True,
    callback=questions.read_names_option,
    metavar="NAMES",
    help="Show also what was before and after with the same value of this, such as trace_id.",
)
@questions.limit(10, "neighbours of each name")
@questions.exporter
@questions.format_("text", "json")
@with_appcontext
def show(
    request_id: str, same: Sequence[Name], limit: int, exporter: str | None, format_: str
) -> None:
    """Show all that was recorded of the request REQUEST_ID.

    With --same, its neighbours, too: the requests nearest in time with the same trace or user.

    \b
    Examples:
      flask chest show 0199c5a8-1f0b-7c3e-b1f2-4a5d6e7f8091
      flask chest show 0199c5a8-1f0b-7c3e-b1f2-4a5d6e7f8091 --same trace_id --same user_id
    """  # noqa: D301 - click reads \b as "keep these lines"
    if any(name.operand is None for name in same):
        raise click.UsageError("--same variables: name one of them")
    with refused_missing():
        store = open_store(exporter)
    wanted = _equal(Field("request_id"), request_id)
    found = list(store.records(wanted, order_by="started_at", limit=_MOST))
    if not found:
        say_nothing_found(store, exporter)
        raise click.ClickException(f"No record has the request ID {printable(request_id)}")
    if format_ == "json":
        records = {record.id: record for record in found}
        for name in same:
            records.update((each.id, each) for each in _neighbours(store, found[0], name, limit))
        print_records(sorted(records.values(), key=_place), "json")
        return
    for number, record in enumerate(found):
        if number:
            echo("")
        for line in _lines(record.as_data()):
            write(line)
    for name in same:
        near = _neighbours(store, found[0], name, limit)
        if near:
            echo("")
            echo(f"same {name.text}: {_typed(name.of(found[0].as_data()))}")
            print_records(near, "table")


def _neighbours(store: Store, record: Record, name: Name, limit: int) -> list[Record]:
    """Return the records nearest in time with the same value, and the record itself."""
    if name.operand is None:  # which was refused
        return []
    value = value_of(name.operand, record.as_data())
    if value is MISSING:
        value = None
    if value is None or isinstance(value, (list, dict)):
        missing = "is a list or a dict" if value is not None else "is not there"
        echo_error(f"{name.text} of this request {missing}, so nothing has the same")
        return []
    chosen = _equal(name.operand, value)
    before = store.records(chosen, until=record.started_at + _MICROSECOND, limit=limit + 1)
    after = store.records(chosen, since=record.started_at, order_by="started_at", limit=limit + 1)
    found = {each.id: each for each in (*before, *after)}
    own = found.pop(record.id, record)
    nearest = sorted(found.values(), key=lambda each: abs(each.started_at - own.started_at))
    return sorted([own, *nearest[:limit]], key=_place)


def _place(record: Record) -> tuple[Any, str]:
    return record.started_at, record.id


def _equal(operand: Operand, value: Value) -> Filter:
    return Filter(f"{operand} == {value!r}", Compare(operand, "==", value))


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each field and each variable, and more for lists and dicts."""
    variables = record["variables"]
    names = [*record, *(f"  {printable(name)}" for name in variables)]
    space = max(map(width, names)) + 2
    for name, value in record.items():
        if name != "variables":
            yield f"{name}{' ' * (space - width(name))}{cell(value)}"
    yield "variables" + ("" if variables else f"{' ' * (space - 9)}none")
    for name, value in variables.items():
        shown = f"  {printable(name)}"
        first, *more = _typed(value, indent=2).split("\n")
        yield f"{shown}{' ' * (space - width(shown))}{first}"
        for line in more:
            yield " " * space + line


def _typed(value: object, indent: int | None = None) -> str:
    """Return a value as JSON, so that a text is told from a number."""
    text = json.dumps(value, ensure_ascii=False, indent=indent if value else None)
    return "\n".join(map(printable, text.split("\n")))

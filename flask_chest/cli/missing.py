"""Say which names of a question no record has: a misspelt one looks like no data."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask_chest import query
from flask_chest.cli.names import name_of
from flask_chest.cli.output import echo_error
from flask_chest.errors import ChestError
from flask_chest.query import Filter
from flask_chest.query.comparing import written
from flask_chest.query.evaluate import MISSING, value_of
from flask_chest.query.measures import parse_measure
from flask_chest.query.nodes import And, Node, Operand, Or, Variable
from flask_chest.record import RecordData
from flask_chest.store import Store

NEWEST: Final = 1_000
"""How many records are looked at for a hint."""

_MOST_NEAR: Final = 3


def say_why_nothing(
    store: Store, where: Filter | None, *, since: datetime | None, until: datetime | None
) -> None:
    """Say what of a filter no record has, after nothing was found.

    Args:
        store: Open.
        where: The filter.
        since: As for `Store.records`.
        until: As for `Store.records`.
    """
    if where is not None and where.root is not None:
        operands, conditions = operands_of(where.root), [where.root]
        say_missing(store, operands, conditions=conditions, since=since, until=until)


def operands_of(node: Node | None) -> set[Operand]:
    """Return what the conditions of a filter are about."""
    if node is None:
        return set()
    if isinstance(node, (And, Or)):
        return {operand for part in node.parts for operand in operands_of(part)}
    return {node.operand}


def empty_operands(
    rows: Sequence[Mapping[str, Any]], measures: Iterable[str], by: Mapping[str, Operand]
) -> set[Operand]:
    """Return what was measured, or made the groups, and has no value in any row.

    Args:
        rows: As `Store.measure` returns them.
        measures: As they were given to it.
        by: Name to what it names.
    """
    found = {each for name, each in by.items() if all(row.get(name) is None for row in rows)}
    for text in measures:
        measure = parse_measure(text)
        if all(not row.get(measure.text) for row in rows):  # 0 are distinct, or satisfy a share
            found |= {measure.operand} if measure.operand else operands_of(measure.condition)
    return found


def empty_conditions(rows: Sequence[Mapping[str, Any]], measures: Iterable[str]) -> Iterator[Node]:
    """Yield the conditions of the shares that are zero in every row.

    Args:
        rows: As `Store.measure` returns them.
        measures: As they were given to it.
    """
    for text in measures:
        measure = parse_measure(text)
        if measure.condition is not None and all(not row.get(measure.text) for row in rows):
            yield measure.condition


def say_missing(
    store: Store,
    operands: Iterable[Operand],
    *,
    conditions: Iterable[Node] = (),
    where: Filter | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Say which variables none of the newest records has, or has with another type only.

    Args:
        store: Open.
        operands: Of which there seems to be no value.
        conditions: Those that nothing seems to satisfy.
        where: Which records are looked at.
        since: As for `Store.records`.
        until: As for `Store.records`.
    """
    wanted = [each for each in operands if isinstance(each, Variable)]
    if not wanted:
        return
    try:
        found = newest(store, where, since=since, until=until)
    except ChestError:  # the question itself was answered
        return
    for text in missing(found, wanted, which=" of this time"):
        echo_error(text)
    for node in conditions:
        for text in query.mismatches(node, found):
            echo_error(text)


def newest(
    store: Store,
    where: Filter | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[RecordData]:
    """Return the newest records, of which hints are made.

    Args:
        store: Open.
        where: As for `Store.records`.
        since: As for `Store.records`.
        until: As for `Store.records`.

    Raises:
        ChestError: They cannot be read.
    """
    records = store.records(where, since=since, until=until, limit=NEWEST)
    return [record.as_data() for record in itertools.islice(records, NEWEST)]


def missing(
    found: Sequence[RecordData], operands: Iterable[Operand], *, which: str = ""
) -> Iterator[str]:
    """Yield which variables none of some records has, with the names that are near.

    Args:
        found: At most `NEWEST` records. Of none, nothing is known.
        operands: Fields, which all records have, and variables.
        which: What is said of the records, with a space before it.
    """
    if not found:
        return
    some = "No record" if len(found) < NEWEST else f"None of the newest {NEWEST:,} records"
    names = {name for data in found for name in _names(data)}
    variables = [each for each in operands if isinstance(each, Variable)]
    for operand in sorted(variables, key=written):
        if all(value_of(operand, data) is MISSING for data in found):
            name = written(operand)
            near = difflib.get_close_matches(name, sorted(names), n=_MOST_NEAR)
            said = f". Near: {', '.join(near)}" if near else ""
            yield f"{some}{which} has {name!r}{said}"


def _names(data: RecordData) -> Iterator[str]:
    for name, value in data["variables"].items():
        yield name_of(name)
        if isinstance(value, dict):
            yield from (written(Variable((name, key))) for key in value)

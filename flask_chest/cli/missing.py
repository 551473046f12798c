"""Say which names of a question no record has: a misspelt one looks like no data."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask_chest import query
from flask_chest.cli.names import SHORT_TITLES, Name, name_of
from flask_chest.cli.output import echo_error
from flask_chest.errors import ChestError
from flask_chest.query import Filter
from flask_chest.query.comparing import written
from flask_chest.query.evaluate import MISSING, value_of
from flask_chest.query.measures import Measure, parse_measure
from flask_chest.query.nodes import FIELDS, And, Node, Operand, Or, Variable, kind
from flask_chest.record import RecordData
from flask_chest.store import Store

NEWEST: Final = 1_000
"""How many records are looked at for a hint."""

_IN_BRACKETS: Final = re.compile(r"""variables\[(?:'|")(.*)(?:'|")\]""")
"""How a name is spelled that is no word, such as one with a dot."""

_MOST_NEAR: Final = 3
_OF_THIS_TIME: Final = " of this time"


class Unseen:
    """The variables that a command names, without those that a record at hand has.

    A misspelt name of a column or of an order gives an answer, and a wrong one.

    Args:
        filters: Those of the command.
        columns: What it shows.
        order_by: As for `Store.records`; None for none.

    Raises:
        QueryError: The order cannot be read.
    """

    def __init__(
        self,
        filters: Iterable[Filter | None],
        columns: Iterable[Name] = (),
        order_by: str | None = None,
    ) -> None:
        self._roots = _roots(filters)
        operands = {operand for root in self._roots for operand in operands_of(root)}
        operands |= {name.operand for name in columns if name.operand is not None}
        if order_by is not None:
            operands.add(query.order(order_by).operand)
        self._left = {each for each in operands if isinstance(each, Variable)}

    def look(self, data: RecordData) -> None:
        """Look at a record that was found."""
        if self._left:
            self._left = {each for each in self._left if value_of(each, data) is MISSING}

    def say(
        self, store: Store, *, since: datetime | None, until: datetime | None, found: int
    ) -> None:
        """Say which of them none of the newest records has, either.

        Args:
            store: Open.
            since: As for `Store.records`.
            until: As for `Store.records`.
            found: How many records satisfied the filter.
        """
        conditions = () if found else self._roots
        say_missing(store, self._left, conditions=conditions, since=since, until=until)

    def say_at_once(
        self, store: Store, *, since: datetime | None = None, until: datetime | None = None
    ) -> None:
        """Say which of them none of the newest records has, and what is wrong with the filters.

        Args:
            store: Open.
            since: As for `Store.records`.
            until: As for `Store.records`.
        """
        which = "" if since is None and until is None else _OF_THIS_TIME
        say_missing(
            store, self._left, conditions=self._roots, since=since, until=until, which=which
        )


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
    Unseen((where,)).say(store, since=since, until=until, found=0)


def _roots(filters: Iterable[Filter | None]) -> list[Node]:
    return [each.root for each in filters if each is not None and each.root is not None]


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


def empty_measures(rows: Sequence[Mapping[str, Any]], measures: Iterable[str]) -> Iterator[Measure]:
    """Yield the measures that have no value in any row, or only zero.

    Args:
        rows: As `Store.measure` returns them.
        measures: As they were given to it.
    """
    for text in measures:
        measure = parse_measure(text)
        if all(not row.get(measure.text) for row in rows):
            yield measure


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
    measures: Iterable[Measure] = (),
    which: str = _OF_THIS_TIME,
) -> None:
    """Say which variables none of the newest records has, or has with another type only.

    Args:
        store: Open.
        operands: Of which there seems to be no value.
        conditions: Those that nothing seems to satisfy.
        where: Which records are looked at.
        since: As for `Store.records`.
        until: As for `Store.records`.
        measures: Those that have no value in the answer.
        which: What is said of the records, with a space before it.
    """
    wanted = [each for each in operands if isinstance(each, Variable)]
    if not wanted:
        return
    try:
        found = newest(store, where, since=since, until=until)
    except ChestError:  # the question itself was answered
        return
    for text in missing(found, wanted, which=which):
        echo_error(text)
    for node in conditions:
        for text in query.mismatches(node, found):
            echo_error(text)
    for text in dict.fromkeys(_without_numbers(measures, found)):
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
            near = near_names(name, names)
            said = f". Near: {', '.join(near)}" if near else ""
            yield f"{some}{which} has {name!r}{said}"


def near_names(name: str, variables: Iterable[str]) -> list[str]:
    """Return the fields, and those of some variables, that may be meant by a misspelt name."""
    spelled = {title: field for field, title in SHORT_TITLES.items()}
    for known in (*sorted(variables), *FIELDS):
        spelled[known.lower()] = known
        if (inner := _IN_BRACKETS.fullmatch(known)) is not None:
            spelled[inner[1].lower()] = known
    found = difflib.get_close_matches(name.lower(), spelled, n=_MOST_NEAR)
    return list(dict.fromkeys(spelled[each] for each in found))


def _without_numbers(measures: Iterable[Measure], found: Sequence[RecordData]) -> Iterator[str]:
    """Yield which measures are of numbers, of a variable that has none."""
    for measure in measures:
        if not measure.is_of_numbers or not isinstance(measure.operand, Variable):
            continue
        values = [value_of(measure.operand, data) for data in found]
        kinds = {_kind(value) for value in values if value is not MISSING and value is not None}
        if kinds and "number" not in kinds:
            are = " or ".join(f"a {each}" for each in sorted(kinds))
            name = measure.text.partition("(")[0]
            yield f"{written(measure.operand)} is {are} here, and {name} is of numbers"


def _kind(value: Any) -> str:  # noqa: ANN401 - any value of a record
    if isinstance(value, dict):
        return "dict"
    return "list" if isinstance(value, list) else kind(value)


def _names(data: RecordData) -> Iterator[str]:
    for name, value in data["variables"].items():
        yield name_of(name)
        if isinstance(value, dict):
            yield from (written(Variable((name, key))) for key in value)

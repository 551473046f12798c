"""Which names of a question no request has, or has with another type: it looks like no data."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.explore import names
from flask_chest_dashboard.finding import Finder

if TYPE_CHECKING:
    from flask_chest import Record
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.explore.question import Question
    from flask_chest_dashboard.scope import Scope

_MOST_NEAR: Final = 3


@dataclass(frozen=True)
class Hints:
    """Why nothing may have been found, as the newest requests tell it.

    Attributes:
        never_seen: The names that no request has, each with those that are near.
        mistyped: What is wrong with conditions on variables that have another type.
        looked_at: Number of the requests.
        of_route: Whether these are of one route alone.
    """

    never_seen: Sequence[tuple[str, Sequence[str]]] = ()
    mistyped: Sequence[str] = ()
    looked_at: int = 0
    of_route: bool = False


def why_nothing(asker: Asker, choices: Choices, scope: Scope) -> Hints:
    """Return why no request fits the filters: what they name, no request of this time has.

    Args:
        asker: Asks the store, unless no filter is about a variable.
        choices: With the filters.
        scope: Of the page.

    Raises:
        QueryError: A filter or the time range cannot be read.
    """
    variables = in_filter(choices.filter)
    if not variables:
        return Hints()
    window, where = choices.window(), scope.filter(choices.unfiltered())
    if where is None:
        newest = asker.records(since=window.since, until=window.until, limit=names.RECORDS)
    else:
        newest = Finder(asker, window, where).newest(names.RECORDS)
    never_seen = list(missing(variables, newest))
    return Hints(never_seen, mistyped(choices.filter, newest), len(newest), scope.is_of_route)


def without_values(question: Question, rows: Sequence[Mapping[str, Any]]) -> list[query.Variable]:
    """Return the variables of a question that have no value in any row of its answer."""
    found: dict[query.Variable, None] = {}
    for text in (*question.by, *question.measures):
        # What is between brackets, unless it is the condition of a share.
        named = text if text in question.by else text.partition("(")[2].rpartition(")")[0]
        if not named or any(row.get(text) for row in rows):
            continue
        try:
            operand = query.name(named)
        except QueryError:
            continue
        if isinstance(operand, query.Variable):
            found[operand] = None
    return list(found)


def in_filter(where: str | None) -> list[query.Variable]:
    """Return the variables that the conditions of a filter are about."""
    found: dict[query.Variable, None] = {}

    def look(node: query.Node) -> None:
        if isinstance(node, (query.And, query.Or)):
            for part in node.parts:
                look(part)
        elif isinstance(node.operand, query.Variable):
            found[node.operand] = None

    if where is not None and (root := query.parse(where).root) is not None:
        look(root)
    return list(found)


def missing(
    variables: Iterable[query.Variable], records: Sequence[Record]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each variable that no record has, with those that are near.

    These are variables, and fields: ``status`` is no field, and ``status_code`` is one.
    """
    if not records:
        return
    known = [*names.seen(records), *names.FIELDS, *names.NUMBERS]
    for variable in variables:
        if not any(_has(record.variables, variable.path) for record in records):
            name = query.written(variable)
            yield name, difflib.get_close_matches(name, known, n=_MOST_NEAR)


def mistyped(where: str | None, records: Sequence[Record]) -> list[str]:
    """Return what is wrong with conditions on variables that have another type in all records."""
    if where is None or not records:
        return []
    return list(query.mismatches(query.parse(where).root, [each.as_data() for each in records]))


def _has(found: object, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True

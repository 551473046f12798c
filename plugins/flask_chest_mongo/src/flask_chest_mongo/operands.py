"""Fields and variables: where MongoDB finds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from typing import Any, Final, TypeAlias

from flask_chest.query.nodes import Field, Operand, Variable

Expression: TypeAlias = Any
"""An expression of an aggregation."""

NUMBER: Final = ("double", "int", "long")
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "number": NUMBER,
    "text": ("string",),
    "bool": ("bool",),
}
"""The types of BSON by the `kind` of a value. JSON has no decimals, so no record has one."""

_PLAIN: Final = re.compile(r"[^.$\0][^.\0]*")


def path(operand: Operand) -> str | None:
    """Return the path of an operand; None when a name in it would change the meaning of a path."""
    if isinstance(operand, Field):
        return "_id" if operand.name == "id" else operand.name
    if all(map(_PLAIN.fullmatch, operand.path)):
        return ".".join(("variables", *operand.path))
    return None


def parents(operand: Operand) -> Iterator[str]:
    """Yield the paths of the values that the value of an operand is within.

    A path leads through lists, to each of their items. A filter does not.
    """
    if isinstance(operand, Variable):
        for length in range(1, len(operand.path)):
            yield ".".join(("variables", *operand.path[:length]))


def value(operand: Operand) -> Expression:
    """Return the expression for the value of an operand, whatever its names are.

    It may be null where there is none.
    """
    if isinstance(operand, Field):
        return f"${path(operand)}"
    if not _is_possible(operand):
        return {"$literal": None}
    first, *others = operand.path
    outermost = path(Variable((first,)))
    start = _or_null(_within("$variables", first)) if outermost is None else f"${outermost}"
    return reduce(lambda whole, name: _or_null(_within(whole, name)), others, start)


def exists(operand: Variable) -> Expression:
    """Return the expression for whether a variable is there, be it null."""
    if not _is_possible(operand):
        return {"$literal": False}
    *outer, last = operand.path
    parent = value(Variable(tuple(outer))) if outer else "$variables"
    # An object leaves out what is missing. SecantusDB 0.7 has another `$type` for it than MongoDB.
    is_there = {"$ne": [{"value": _within(parent, last)}, {"$literal": {}}]}
    return {"$and": [{"$eq": [{"$type": parent}, "object"]}, is_there]}


def _is_possible(operand: Variable) -> bool:
    """Return whether a record can have it: no name has the character 0."""
    return not any("\0" in name for name in operand.path)


def _within(whole: Expression, name: str) -> Expression:
    return {"$getField": {"field": {"$literal": name}, "input": whole}}


def _or_null(found: Expression) -> Expression:
    return {"$ifNull": [found, None]}

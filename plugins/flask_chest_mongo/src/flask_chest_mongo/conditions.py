"""The parts of a filter as conditions for MongoDB 5.0 and newer: `flask_chest.query.nodes`.

A condition on a path is also met by an item of a list there, so each excludes lists. Where a name
would change the meaning of a path, the condition is an expression, which no index serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, cast

from flask_chest.query.nodes import (
    And,
    Compare,
    Exists,
    Field,
    IsNull,
    Node,
    OneOf,
    Operand,
    Or,
    TextMatch,
    kind,
)
from flask_chest_mongo import identities, moments, operands
from flask_chest_mongo.moments import Filter
from flask_chest_mongo.operands import TYPES, Expression

NOTHING: Final[Filter] = {"_id": {"$in": []}}
"""Matches no record."""

NO_LIST: Final[Filter] = {"$not": {"$type": ["array", "decimal"]}}

_OPERATORS: Final = {
    "==": "$eq",
    "!=": "$ne",
    "<": "$lt",
    "<=": "$lte",
    ">": "$gt",
    ">=": "$gte",
}
_COMPARISONS: Final = {"$in", *_OPERATORS.values()} - {"$ne"}
_ID: Final = Field("id")


def matching(node: Node) -> Filter:
    """Return the filter for what satisfies a part of a filter, and more when not `is_exact`."""
    if isinstance(node, And):
        return every(*map(matching, node.parts))
    if isinstance(node, Or):
        parts = [matching(part) for part in node.parts]
        return {"$or": parts} if all(parts) else {}
    if isinstance(node, (IsNull, Exists)):
        return _null(node) if isinstance(node, IsNull) else _exists(node)
    if isinstance(node, TextMatch):
        return _text_match(node)
    return _compare(node) if isinstance(node, Compare) else _one_of(node)


def is_exact(node: Node) -> bool:
    """Return whether MongoDB knows what satisfies it.

    It does not look for a text within an ID: MongoDB 8.0 is the first that makes a text of one.
    """
    if isinstance(node, (And, Or)):
        return all(map(is_exact, node.parts))
    is_text = isinstance(node, TextMatch) and node.test != "startswith"
    return not (is_text and node.operand == _ID)


def every(*conditions: Filter) -> Filter:
    """Return the filter for what matches all of the conditions.

    It is flat where it can be: SecantusDB uses an index only for a condition at the top.
    """
    found: Filter = {}
    others: list[Filter] = []
    for condition in conditions:
        for key, test in condition.items():
            if key not in found:
                found[key] = test
            elif key in ("$and", "$nor"):
                found[key] = [*found[key], *test]
            elif key.startswith("$") or found[key].keys() & test.keys():
                others.append({key: test})
            else:
                found[key] = {**found[key], **test}
    if others:
        found["$and"] = [*found.get("$and", ()), *others]
    return found


def of_kinds(operand: Operand, *kinds: str) -> Filter:
    """Return the filter for records in which an operand is of one of some kinds."""
    types = [name for each in kinds for name in TYPES[each]]
    return _on(operand, {"$type": types}, {"$in": [{"$type": operands.value(operand)}, types]})


def compared(operand: Operand, operator: str, value: Any) -> Filter:  # noqa: ANN401 - `Value`
    """Return the filter for records in which an operand compares so with a value of its kind."""
    types = list(TYPES[kind(value)])
    name = _OPERATORS[operator]
    found = operands.value(operand)
    test = {name: value, "$type": types} if operator == "!=" else {name: value}
    return _on(
        operand,
        test,
        {"$and": [{"$in": [{"$type": found}, types]}, {name: [found, {"$literal": value}]}]},
    )


def _on(operand: Operand, test: Filter, expression: Expression) -> Filter:
    """Return the filter for a value that satisfies a test.

    Args:
        operand: Has the value.
        test: For a path. No missing value satisfies it.
        expression: The same where there is no path.
    """
    path = operands.path(operand)
    if path is None:
        return {"$expr": expression}
    if isinstance(operand, Field):  # a list there makes a document no record
        return {path: test}
    parents: Filter = dict.fromkeys(operands.parents(operand), NO_LIST)
    return every({path: test}, _no_list(path, test), parents)


def _no_list(path: str, test: Filter) -> Filter:
    """Return the filter that excludes the lists that have an item which satisfies a test.

    SecantusDB uses an index only for a condition with nothing but comparisons in it. An empty list
    satisfies none of these.
    """
    if test.keys() <= _COMPARISONS:
        return {f"{path}.0": {"$exists": False}}
    return {path: NO_LIST}


def _compare(node: Compare) -> Filter:
    if isinstance(node.operand, Field):
        if node.operand.type == "time":
            return moments.compared(node.operator, cast("datetime", node.value))
        if node.operand == _ID:
            return identities.compared(node.operator, str(node.value))
    return compared(node.operand, node.operator, node.value)


def _one_of(node: OneOf) -> Filter:
    values = list(node.values)
    if isinstance(node.operand, Field) and (node.operand.type == "time" or node.operand == _ID):
        if node.operand == _ID:
            found = identities.one_of(list(map(str, values)))
        else:
            found = {"$or": [_compare(Compare(node.operand, "==", value)) for value in values]}
        return {"$nor": [found]} if node.negated else found
    types = [name for each in dict.fromkeys(map(kind, values)) for name in TYPES[each]]
    found = operands.value(node.operand)
    is_one: Expression = {"$in": [found, {"$literal": values}]}
    return _on(
        node.operand,
        {"$nin": values, "$type": types} if node.negated else {"$in": values},
        {
            "$and": [
                {"$in": [{"$type": found}, types]},
                {"$not": [is_one]} if node.negated else is_one,
            ]
        },
    )


def _text_match(node: TextMatch) -> Filter:
    if node.operand == _ID:
        if node.test != "startswith":
            return {}
        found = identities.starts_with(node.text)
        return {"$nor": [found]} if node.negated else found
    pattern = re.escape(node.text)
    if node.test == "startswith":
        pattern = f"^{pattern}"
    elif node.test == "endswith":
        pattern = rf"{pattern}(?![\s\S])"  # as `$` is met before a line feed at the end, too
    value = operands.value(node.operand)
    has: Expression = {"$regexMatch": {"input": value, "regex": {"$literal": pattern}}}
    expression = {
        "$cond": [
            {"$eq": [{"$type": value}, "string"]},
            {"$not": [has]} if node.negated else has,
            False,
        ]
    }
    test: Filter = {"$regex": pattern}
    if node.negated:
        test = {"$type": "string", "$not": test}
    return _on(node.operand, test, expression)


def _null(node: IsNull) -> Filter:
    path = operands.path(node.operand)
    if path is None:
        value = {"$ifNull": [operands.value(node.operand), None]}
        found: Filter = {"$expr": {"$eq": [value, None]}}
    elif isinstance(node.operand, Field):
        return {path: {"$ne" if node.negated else "$eq": None}}
    else:
        found = {path: {"$eq": None, **NO_LIST}}
        lists: list[Filter] = [
            {parent: {"$type": "array"}} for parent in operands.parents(node.operand)
        ]
        if lists:
            found = {"$or": [found, *lists]}
    return {"$nor": [found]} if node.negated else found


def _exists(node: Exists) -> Filter:
    path = operands.path(node.operand)
    if path is None:
        found: Filter = {"$expr": operands.exists(node.operand)}
    else:
        parents: Iterable[str] = operands.parents(node.operand)
        found = {path: {"$exists": True}, **dict.fromkeys(parents, NO_LIST)}
    return {"$nor": [found]} if node.negated else found

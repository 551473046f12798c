"""Whether a record satisfies a filter, in plain Python. It is the reference for every store."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

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
    Value,
    kind,
)

MISSING: Final = object()
"""The value of an operand that a record does not have."""

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def matches(node: Node, record: Mapping[str, Any]) -> bool:
    """Return whether a record satisfies a part of a filter. Never raises, whatever the record is.

    Args:
        node: The part.
        record: As the journal has it.
    """
    if isinstance(node, And):
        return all(matches(part, record) for part in node.parts)
    if isinstance(node, Or):
        return any(matches(part, record) for part in node.parts)
    return _holds(node, value_of(node.operand, record))


def _holds(
    node: Compare | OneOf | TextMatch | IsNull | Exists,
    found: Any,  # noqa: ANN401 - any value of a record
) -> bool:
    if isinstance(node, IsNull):
        return (found is None or found is MISSING) is not node.negated
    if isinstance(node, Exists):
        return (found is MISSING) is node.negated
    if isinstance(node, Compare):
        return _is_comparable(found, node.value) and _OPERATORS[node.operator](found, node.value)
    if isinstance(node, OneOf):
        comparable = [value for value in node.values if _is_comparable(found, value)]
        return bool(comparable) and (found in comparable) is not node.negated
    return isinstance(found, str) and _TESTS[node.test](found, node.text) is not node.negated


def _is_comparable(found: Any, value: Value) -> bool:  # noqa: ANN401 - any value of a record
    return found is not MISSING and kind(found) == kind(value)


def value_of(operand: Operand, record: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any value
    """Return the value that an operand has in a record, or `MISSING`. Never raises."""
    if isinstance(operand, Field):
        found = record.get(operand.name, MISSING)
        return _moment(found) if operand.type == "time" else found
    found = record.get("variables")
    for name in operand.path:
        if not isinstance(found, Mapping) or name not in found:
            return MISSING
        found = found[name]
    return found


def _moment(text: object) -> object:
    """Return the moment of the field `started_at`; None when it is malformed."""
    try:
        moment = datetime.fromisoformat(str(text).removesuffix("Z"))
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment

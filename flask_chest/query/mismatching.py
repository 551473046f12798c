"""Conditions that no record can satisfy, as their values have another type there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from flask_chest.query.comparing import written
from flask_chest.query.evaluate import MISSING, value_of
from flask_chest.query.nodes import (
    And,
    Compare,
    Node,
    OneOf,
    Or,
    TextMatch,
    Value,
    Variable,
    kind,
)

_KINDS: Final = ("text", "number", "bool")


def mismatches(root: Node | None, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with each condition on a variable that has another type in all records.

    A value of another type satisfies neither a condition nor its opposite, so that a filter with
    such a condition looks as if there were no data.

    Args:
        root: Of a filter; None for none.
        records: Some of those that it looks at, as the journal has them.
    """
    for node in _conditions(root):
        asked = {"text"} if isinstance(node, TextMatch) else set(map(kind, _values(node)))
        values = (value_of(node.operand, record) for record in records)
        found = {kind(value) for value in values if value is not MISSING} & set(_KINDS)
        if not found or asked & found:
            continue
        are = " or ".join(f"a {each}" for each in _KINDS if each in found)
        instead = _instead(_values(node), found)
        way = f": write {instead}" if instead else f", and no {' or '.join(sorted(asked))}"
        yield f"{written(node.operand)} is {are} here{way}"


def _conditions(root: Node | None) -> Iterator[Compare | OneOf | TextMatch]:
    if isinstance(root, (And, Or)):
        for part in root.parts:
            yield from _conditions(part)
    elif isinstance(root, (Compare, OneOf, TextMatch)) and isinstance(root.operand, Variable):
        yield root


def _values(node: Compare | OneOf | TextMatch) -> Sequence[Value]:
    if isinstance(node, Compare):
        return (node.value,)
    return node.values if isinstance(node, OneOf) else ()


def _instead(values: Iterable[Value], kinds: set[str]) -> str:
    """Return the values as they are written for other types; empty when one cannot be."""
    texts = [_as_text(each) if "text" in kinds else _as_number(each) for each in values]
    return ", ".join(texts) if all(texts) else ""


def _as_text(value: Value) -> str:
    return repr(str(value)) if kind(value) == "number" else ""


def _as_number(value: Value) -> str:
    """Return the number that a text is; empty when it is none."""
    try:
        return value.strip() if isinstance(value, str) and math.isfinite(float(value)) else ""
    except ValueError:
        return ""

"""`condition`: a filter as a condition of ClickHouse's SQL.

It is true for a record that satisfies the filter, and false or NULL for any other. ClickHouse
compares an integer with a float exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import singledispatch
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
    Operator,
    Or,
    TextMatch,
    Value,
    Variable,
    kind,
)
from flask_chest.query.questions import Selection, Tally
from flask_chest_clickhouse import values
from flask_chest_clickhouse.connection import quoted

_NEVER: Final = "false"

_OPERATORS: Final[dict[Operator, str]] = {"==": "="}
"""Those that SQL writes otherwise."""

_TESTS: Final = {
    "contains": "position({}, {}) > 0",
    "startswith": "startsWith({}, {})",
    "endswith": "endsWith({}, {})",
}
_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_EXACT: Final = 2**53
"""Below, each integer is a float."""


def conditions(chosen: Selection | Tally) -> list[str]:
    """Return the conditions on the records of a selection or a tally."""
    found = []
    if chosen.since is not None:
        found.append(f"started_at >= {values.moment(chosen.since)}")
    if chosen.until is not None:
        found.append(f"started_at < {values.moment(chosen.until)}")
    if chosen.where is not None:
        found.append(condition(chosen.where))
    return found


def where(found: Sequence[str]) -> str:
    """Return the clause of conditions that all hold; empty for none."""
    return f" WHERE {together(found)}" if found else ""


def together(found: Sequence[str]) -> str:
    """Return the condition that all of these hold."""
    return " AND ".join(f"({each})" for each in found)


@singledispatch
def condition(node: Node) -> str:
    """Return the condition that a part of a filter stands for."""
    raise TypeError(type(node).__name__)


@condition.register
def _(node: And) -> str:
    return together(list(map(condition, node.parts)))


@condition.register
def _(node: Or) -> str:
    return " OR ".join(f"({condition(part)})" for part in node.parts)


@condition.register
def _(node: Compare) -> str:
    return compares(node.operand, node.operator, node.value)


@condition.register
def _(node: OneOf) -> str:
    by_kind: dict[str, list[Any]] = {}
    for value in node.values:
        by_kind.setdefault(kind(value), []).append(value)
    found = []
    for of, wanted in by_kind.items():
        equal = _equals(node.operand, wanted)
        if node.negated:
            equal = f"{_is_kind(node.operand, of)} AND NOT ({equal})"
        found.append(f"({equal})")
    return " OR ".join(found)


@condition.register
def _(node: TextMatch) -> str:
    text = _text(node.operand)
    found = _TESTS[node.test].format(text, quoted(node.text))
    is_text = _is_kind(node.operand, "text")
    return f"{is_text} AND NOT ({found})" if node.negated else f"{is_text} AND {found}"


@condition.register
def _(node: IsNull) -> str:
    found = has_value(node.operand)
    return found if node.negated else f"NOT ({found})"


@condition.register
def _(node: Exists) -> str:
    found = values.is_there(node.operand.path)
    return f"NOT ({found})" if node.negated else found


def has_value(operand: Operand) -> str:
    """Return whether an operand is there, and not null. True or false, never NULL."""
    if isinstance(operand, Variable):
        return values.has_value(operand.path)
    return f"{operand.name} IS NOT NULL"


def compares(operand: Operand, operator: Operator, value: Value) -> str:
    """Return whether an operand is of the type of a value, and compares so with it."""
    if operator == "==":
        return _equals(operand, [value])
    sign = _OPERATORS.get(operator, operator)
    if isinstance(value, datetime):
        return f"started_at {sign} {values.moment(value)}"
    if isinstance(value, str):
        found = f"{_text(operand)} {sign} {quoted(value)}"
    elif isinstance(operand, Field):
        return f"{operand.name} {sign} {values.literal(value)}"
    elif isinstance(value, bool):
        found = f"NOT ({_equals(operand, [value])})"  # by the only other operator that it has
    else:
        return _number_compares(operand, sign, value)
    return f"{_is_kind(operand, kind(value))} AND {found}"


def _is_kind(operand: Operand, of: str) -> str:
    if isinstance(operand, Variable):
        return values.is_kind(operand.path, of)
    return has_value(operand)


def _text(operand: Operand) -> str:
    if isinstance(operand, Variable):
        return values.text(operand.path)
    return values.field_text(operand)


def _number_compares(operand: Variable, sign: str, value: float) -> str:
    found, wanted = values.number(operand.path), values.literal(value)
    if abs(value) < _EXACT:
        return f"{found} {sign} {wanted}"
    whole = values.integer(operand.path)
    return f"if(isNull({whole}), {found} {sign} {wanted}, {whole} {sign} {wanted})"


# -- Equality --------------------------------------------------------------------------------------


def _equals(operand: Operand, wanted: Sequence[Any]) -> str:
    """Return whether an operand equals one of several values of one type."""
    if isinstance(operand, Field):
        return _field_equals(operand, wanted)
    of = kind(wanted[0])
    if of == "text":
        return _text_equals(operand, wanted)
    if of == "bool":
        forms = sorted({"'true'" if each else "'false'" for each in wanted})
        return f"{values.value(operand.path)} IN ({', '.join(forms)})"
    return _number_equals(operand, wanted)


def _field_equals(field: Field, wanted: Sequence[Any]) -> str:
    if field.type == "time":
        found = [values.moment(each) for each in wanted]
    elif field.type == "number":
        # Each on its own: in a list, they would all become floats.
        return " OR ".join(f"{field.name} = {values.literal(each)}" for each in wanted)
    elif field.name == "id":
        return _id_equals([f"toUUID({quoted(each)})" for each in wanted if _UUID.fullmatch(each)])
    else:
        found = list(map(quoted, wanted))
    return f"{field.name} IN ({', '.join(found)})"


def _id_equals(wanted: Sequence[str]) -> str:
    """Return whether the ID is one of these: once for each of its indexes."""
    if not wanted:
        return _NEVER
    orders = ", ".join(map(values.id_order, wanted))
    return f"id IN ({', '.join(wanted)}) AND {values.id_order()} IN ({orders})"


def _text_equals(operand: Variable, wanted: Sequence[str]) -> str:
    """Return the same for texts: by their JSON where it is known, which a skipping index has."""
    forms, others = [], []
    for each in wanted:
        known = values.json_forms(each)
        if known is None:
            others.append(quoted(each))
        else:
            forms += known
    found = []
    if forms:
        found.append(f"{values.value(operand.path)} IN ({', '.join(forms)})")
    if others:
        text = f"{values.text(operand.path)} IN ({', '.join(others)})"
        found.append(f"({values.is_kind(operand.path, 'text')} AND {text})")
    return " OR ".join(found)


def _number_equals(operand: Variable, wanted: Sequence[float]) -> str:
    """Return the same for numbers: small integers have one form, or two for 0."""
    forms, found = [], []
    for each in wanted:
        if abs(each) < _EXACT and each == int(each):
            forms += [f"'{int(each)}'", *(["'-0'"] if each == 0 else [])]
        else:
            found.append(f"({_number_compares(operand, '=', each)})")
    if forms:
        found.append(f"{values.value(operand.path)} IN ({', '.join(forms)})")
    return " OR ".join(found)

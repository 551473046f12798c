"""`Compiler`: the conditions of a filter, as SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import singledispatchmethod
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    SmallInteger,
    Text,
    and_,
    false,
    literal,
    not_,
    or_,
)

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
from flask_chest_sql.exact import Comparison, with_floats, with_integers
from flask_chest_sql.expressions import Expressions

OPERATORS: Final[dict[Comparison, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Compiler:
    """Makes a condition of SQL of a filter. Values become bound parameters.

    A condition is true for a record that satisfies the filter, and false or NULL for any other.

    Args:
        expressions: Of the database.
    """

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._columns = expressions.tables.records.c

    def column(self, field: Field) -> ColumnElement[Any]:
        """Return the column of a field."""
        return self._columns[field.name]

    @singledispatchmethod
    def condition(self, node: Node) -> ColumnElement[bool]:
        """Return the condition that a part of a filter stands for."""
        raise TypeError(type(node).__name__)

    @condition.register
    def _(self, node: And) -> ColumnElement[bool]:
        return and_(*map(self.condition, node.parts))

    @condition.register
    def _(self, node: Or) -> ColumnElement[bool]:
        return or_(*map(self.condition, node.parts))

    @condition.register
    def _(self, node: Compare) -> ColumnElement[bool]:
        return self.compares(node.operand, node.operator, node.value)

    @condition.register
    def _(self, node: OneOf) -> ColumnElement[bool]:
        by_kind: dict[str, list[Value]] = {}
        for value in node.values:
            by_kind.setdefault(kind(value), []).append(value)
        return or_(
            *(self._is_one_of(node.operand, v, negated=node.negated) for v in by_kind.values())
        )

    @condition.register
    def _(self, node: TextMatch) -> ColumnElement[bool]:
        expressions = self._expressions
        tests = {
            "contains": expressions.contains,
            "startswith": expressions.starts_with,
            "endswith": expressions.ends_with,
        }
        found = tests[node.test](self._text(node.operand), node.text)
        if isinstance(node.operand, Field):
            is_text = self.has_value(node.operand)
        else:
            is_text = expressions.is_kind(node.operand.path, "text")
        return and_(is_text, not_(found) if node.negated else found)

    @condition.register
    def _(self, node: IsNull) -> ColumnElement[bool]:
        if node.negated:
            return self.has_value(node.operand)
        if isinstance(node.operand, Field):
            return self.column(node.operand).is_(None)
        path = node.operand.path
        return or_(not_(self._expressions.is_there(path)), self._expressions.is_kind(path, "null"))

    @condition.register
    def _(self, node: Exists) -> ColumnElement[bool]:
        found = self._expressions.is_there(node.operand.path)
        return not_(found) if node.negated else found

    # -- Parts of conditions -----------------------------------------------------------------------

    def has_value(self, operand: Operand) -> ColumnElement[bool]:
        """Return whether an operand is there, and not null."""
        if isinstance(operand, Field):
            return self.column(operand).is_not(None)
        return self._expressions.is_kind(operand.path, "number", "text", "bool", "dict", "list")

    def compares(
        self, operand: Operand, comparison: Comparison, value: Value
    ) -> ColumnElement[bool]:
        """Return whether an operand is of the type of a value, and compares so with it."""
        if isinstance(operand, Field):
            return self._field_compares(operand, comparison, value)
        if comparison == "==" and not isinstance(value, datetime):
            return self._expressions.equals(operand.path, [value])
        if isinstance(value, bool):
            same = self._expressions.boolean(operand.path) == int(value)
            return and_(self._expressions.is_kind(operand.path, "bool"), not_(same))
        if isinstance(value, (int, float)):
            return self._expressions.compares(operand.path, comparison, value)
        found = OPERATORS[comparison](self._text(operand), literal(value, Text()))
        return and_(self._expressions.is_kind(operand.path, "text"), found)

    def _field_compares(
        self, field: Field, comparison: Comparison, value: Value
    ) -> ColumnElement[bool]:
        column = self.column(field)
        if isinstance(value, datetime):
            return OPERATORS[comparison](column, value)
        if isinstance(value, str):
            if comparison == "==":
                return self._expressions.field_in(column, [value])
            return OPERATORS[comparison](self._text(field), literal(value, Text()))
        is_integer = isinstance(column.type, (Integer, SmallInteger))
        same = with_integers(comparison, value) if is_integer else with_floats(comparison, value)
        if isinstance(same, bool):
            return column.is_not(None) if same else false()
        comparison, value = same
        # PostgreSQL refuses to compare a smallint with what is none, if told that it is one.
        bound = literal(value, BigInteger() if is_integer else Float(53))
        return OPERATORS[comparison](column, bound)

    def _is_one_of(
        self, operand: Operand, values: Sequence[Any], *, negated: bool
    ) -> ColumnElement[bool]:
        """Return whether an operand equals one of several values of one type, or none of them."""
        if isinstance(operand, Field):
            found = self._field_is_one_of(operand, values)
            return and_(self.has_value(operand), not_(found)) if negated else found
        expressions, path = self._expressions, operand.path
        found = expressions.equals(path, values)
        return and_(expressions.is_kind(path, kind(values[0])), not_(found)) if negated else found

    def _field_is_one_of(self, field: Field, values: Sequence[Any]) -> ColumnElement[bool]:
        if field.type == "time":
            return self.column(field).in_(values)
        if field.type == "text":
            return self._expressions.field_in(self.column(field), values)
        return or_(*(self._field_compares(field, "==", value) for value in values))

    def _text(self, operand: Operand) -> ColumnElement[Any]:
        if isinstance(operand, Field):
            return self._expressions.field_text(self.column(operand))
        return self._expressions.text(operand.path)

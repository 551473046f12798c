"""The order of a selection, and the place in it behind which the next page begins."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Integer, and_, case, false, literal, not_, or_

from flask_chest.query.nodes import NULLABLE, Field, Value
from flask_chest.query.questions import Order, Place
from flask_chest_sql.compiler import OPERATORS, Compiler
from flask_chest_sql.exact import Comparison
from flask_chest_sql.expressions import Expressions

_KINDS: Final = ("number", "text", "bool")
"""By their rank."""

_ALL_ELSE: Final = len(_KINDS)


class Ordering:
    """An order of records, as SQL.

    Args:
        expressions: Of the database.
        order: The order.
    """

    def __init__(self, expressions: Expressions, order: Order) -> None:
        self._expressions = expressions
        self._compiler = Compiler(expressions)
        self._operand = order.operand
        self._descending = order.descending
        self._id = expressions.tables.records.c.id

    # -- The order ---------------------------------------------------------------------------------

    def keys(self) -> list[ColumnElement[Any]]:
        """Return what the records are ordered by."""
        values = [*self._values(), self._id]
        return [*self._ranks(), *(key.desc() if self._descending else key for key in values)]

    def _ranks(self) -> list[ColumnElement[Any]]:
        operand = self._operand
        if isinstance(operand, Field):
            return [self._has_rank(_ALL_ELSE)] if operand.name in NULLABLE else []
        ranks = [(self._has_rank(rank), rank) for rank in range(_ALL_ELSE)]
        return [case(*ranks, else_=_ALL_ELSE)]

    def _values(self) -> list[ColumnElement[Any]]:
        operand, expressions = self._operand, self._expressions
        if isinstance(operand, Field):
            if operand.name == "id":
                return []
            column = self._compiler.column(operand)
            return [expressions.field_text(column) if operand.type == "text" else column]
        return [
            *expressions.exact_numbers(operand.path),
            case((self._has_rank(1), expressions.text(operand.path))),
            case((self._has_rank(2), expressions.boolean(operand.path))),
        ]

    def _has_rank(self, rank: int) -> ColumnElement[bool]:
        expressions, operand = self._expressions, self._operand
        if isinstance(operand, Field):
            return self._compiler.column(operand).is_(None)
        if rank < _ALL_ELSE:
            return expressions.is_kind(operand.path, _KINDS[rank])
        is_missing = not_(expressions.is_there(operand.path))
        return or_(is_missing, expressions.is_kind(operand.path, "null", "dict", "list"))

    # -- A place in it -----------------------------------------------------------------------------

    def behind(self, place: Place) -> ColumnElement[bool]:
        """Return the condition that a record is behind a place."""
        later = [self._has_rank(rank) for rank in range(place.rank + 1, _ALL_ELSE + 1)]
        if isinstance(self._operand, Field):  # of one type; null comes last
            later = later[-1:] if self._operand.name in NULLABLE else []
        return or_(self._behind_in_rank(place), *later)

    def _behind_in_rank(self, place: Place) -> ColumnElement[bool]:
        strictly: Comparison = "<" if self._descending else ">"
        same, beyond = self._has_rank(_ALL_ELSE), cast("ColumnElement[bool]", false())
        if place.rank != _ALL_ELSE:
            # For the index. MySQL uses none for a comparison of rows, nor for an alternative.
            same = self._compares("<=" if self._descending else ">=", place)
            beyond = self._compares(strictly, place)
        if place.id:
            return and_(same, or_(beyond, OPERATORS[strictly](self._id, place.id)))
        return beyond if self._descending else same

    def _compares(self, comparison: Comparison, place: Place) -> ColumnElement[bool]:
        value = cast("Value", place.value)  # as its rank is another than that of null
        if isinstance(value, bool) and not isinstance(self._operand, Field):
            found = self._expressions.boolean(self._operand.path)
            bound = literal(int(value), Integer())
            return and_(self._has_rank(2), OPERATORS[comparison](found, bound))
        return self._compiler.compares(self._operand, comparison, value)

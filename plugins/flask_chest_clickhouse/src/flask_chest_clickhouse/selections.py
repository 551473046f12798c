"""`selecting`: a selection as a query of ClickHouse's SQL."""

from __future__ import annotations

from typing import Final

from flask_chest.query.nodes import NULLABLE, Compare, Field, Operator, Variable
from flask_chest.query.questions import Order, Place, Selection
from flask_chest_clickhouse import values
from flask_chest_clickhouse.conditions import condition, conditions, where
from flask_chest_clickhouse.connection import quoted
from flask_chest_clickhouse.decode import COLUMNS

_ALL_ELSE: Final = 3
"""Rank of null, missing, a dict and a list."""

_FIRST_UUID: Final = "00000000-0000-0000-0000-000000000000"


def selecting(source: str, chosen: Selection, *, offset: int = 0) -> str:
    """Return the query for a selection. Its rows are for `decode.Rows`.

    Args:
        source: What it reads, as it stands after FROM.
        chosen: The selection.
        offset: Rows to pass over.
    """
    found = conditions(chosen)
    if chosen.after is not None:
        found.append(_behind(chosen.order, chosen.after))
    skipped = f" OFFSET {offset}" if offset else ""
    return (
        f"SELECT {', '.join(COLUMNS)} FROM {source}{where(found)} "
        f"ORDER BY {', '.join(_keys(chosen.order))} LIMIT {chosen.limit}{skipped}"
    )


def _keys(order: Order) -> list[str]:
    direction = " DESC" if order.descending else ""
    by = [*_values(order), values.id_order()]
    return [*_ranks(order), *(f"{key}{direction}" for key in by)]


def _ranks(order: Order) -> list[str]:
    operand = order.operand
    if isinstance(operand, Field):
        return [f"{operand.name} IS NULL"] if operand.name in NULLABLE else []
    kinds = ("number", "text", "bool")
    ranks = (f"{values.is_kind(operand.path, each)}, {rank}" for rank, each in enumerate(kinds))
    return [f"multiIf({', '.join(ranks)}, {_ALL_ELSE})"]


def _values(order: Order) -> list[str]:
    operand = order.operand
    if isinstance(operand, Field):
        return [] if operand.name == "id" else [operand.name]
    path = operand.path
    return [
        # Integers that are one float follow their own order. Only of numbers are there any.
        values.number(path),
        values.integer(path),
        f"if({values.is_kind(path, 'text')}, {values.text(path)}, '')",
        values.is_true(path),
    ]


# -- A place in the order --------------------------------------------------------------------------


def _behind(order: Order, place: Place) -> str:
    """Return the condition that a record is behind a place."""
    later = _later(order, place)
    found = _behind_in_rank(order, place)
    return f"({found}) OR {later}" if later else found


def _later(order: Order, place: Place) -> str | None:
    """Return the condition that a record has a later rank."""
    operand = order.operand
    if place.rank == _ALL_ELSE:
        return None
    if isinstance(operand, Field):  # of one type; null comes last
        return f"{operand.name} IS NULL" if operand.name in NULLABLE else None
    return f"{_ranks(order)[0]} > {place.rank}"


def _behind_in_rank(order: Order, place: Place) -> str:
    operator: Operator = "<" if order.descending else ">"
    same, beyond = _in_last_rank(order), "false"
    if place.rank != _ALL_ELSE:
        # The first is for the primary key.
        same = _compares(order, "<=" if order.descending else ">=", place)
        beyond = _compares(order, operator, place)
    if place.id:
        return f"({same}) AND (({beyond}) OR {_id_compares(operator, place.id)})"
    return beyond if order.descending else same


def _in_last_rank(order: Order) -> str:
    operand = order.operand
    if isinstance(operand, Field):
        return f"{operand.name} IS NULL" if operand.name in NULLABLE else "false"
    return f"{_ranks(order)[0]} = {_ALL_ELSE}"


def _id_compares(operator: Operator, identity: str) -> str:
    if identity >= _FIRST_UUID and len(identity) == len(_FIRST_UUID):
        return f"{values.id_order()} {operator} {values.id_order(f'toUUID({quoted(identity)})')}"
    return f"toString(id) {operator} {quoted(identity)}"


def _compares(order: Order, operator: Operator, place: Place) -> str:
    operand, value = order.operand, place.value
    if value is None:
        raise ValueError("only the last rank has no value")
    if isinstance(value, bool) and isinstance(operand, Variable):
        is_bool = values.is_kind(operand.path, "bool")
        return f"{is_bool} AND ({values.is_true(operand.path)}) {operator} {str(value).lower()}"
    if operand == Field("id"):
        return _id_compares(operator, str(value))
    return condition(Compare(operand, operator, value))

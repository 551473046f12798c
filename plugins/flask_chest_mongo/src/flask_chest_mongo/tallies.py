"""A `Tally` as a pipeline, and the rows that the server returns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from bson.errors import BSONError

from flask_chest.query.fold import scalar_of
from flask_chest.query.histogram import FACTOR, OFFSET, SMALLEST
from flask_chest.query.nodes import NULLABLE, Field, IsNull, Operand
from flask_chest.query.questions import (
    LIST,
    OBJECT,
    STARTED_AT,
    Scalar,
    Spread,
    Sums,
    Tally,
    TallyRow,
)
from flask_chest_mongo import moments, operands
from flask_chest_mongo.conditions import every, is_exact, matching
from flask_chest_mongo.decode import as_json
from flask_chest_mongo.moments import Filter
from flask_chest_mongo.operands import NUMBER, TYPES, Expression
from flask_chest_mongo.readable import READABLE

Pipeline: TypeAlias = list[dict[str, Any]]

_IS_ERROR: Final = {"$or": [{"$ne": ["$error", None]}, {"$gte": ["$status_code", 500]}]}
_PLAIN: Final = [name for names in TYPES.values() for name in names]
_NO_JSON: Final = {"$literal": {"json": False}}
_ERRORS: Final = {"$cond": [_IS_ERROR, "$weight", 0]}


def can_be_asked(asked: Tally) -> bool:
    """Return whether a pipeline has the answer."""
    by_time = asked.spread is not None and asked.spread.operand == STARTED_AT
    return not by_time and (asked.where is None or is_exact(asked.where))


def pipeline(asked: Tally) -> Pipeline:
    """Return the pipeline for `rows`. Only what is summed is kept of each record."""
    numbers = {f"n{index}": _number(each) for index, each in enumerate(asked.numbers)}
    sums: dict[str, Any] = {}
    for name, operand in zip(numbers, asked.numbers, strict=True):
        weight: Expression = "$weight"
        if not _is_always_a_number(operand):
            weight = {"$cond": [{"$eq": [f"${name}", None]}, 0, "$weight"]}
        sums |= {
            f"{name}w": {"$sum": weight},
            f"{name}t": {"$sum": {"$multiply": [f"${name}", "$weight"]}},
            f"{name}l": {"$min": f"${name}"},
            f"{name}m": {"$max": f"${name}"},
        }
    key = _key(asked)
    return [
        *_chosen(asked),
        {"$project": {"_id": 0, "weight": 1, "errors": _ERRORS, **key, **numbers}},
        {
            "$group": {
                "_id": {name: f"${name}" for name in key} or None,
                "records": {"$sum": 1},
                "weight": {"$sum": "$weight"},
                "errors": {"$sum": "$errors"},
                **sums,
            }
        },
    ]


def _chosen(asked: Tally) -> Pipeline:
    """Return the stages that choose the records.

    MongoDB makes one of the two. SecantusDB uses an index only for plain conditions.
    """
    conditions: list[Filter] = []
    if asked.since is not None:
        conditions.append(moments.compared(">=", asked.since))
    if asked.until is not None:
        conditions.append(moments.compared("<", asked.until))
    if asked.where is not None:
        conditions.append(matching(asked.where))
    if asked.spread is not None:
        conditions.append(_has(asked.spread))
    chosen = every(*conditions)
    plain = {key: test for key, test in chosen.items() if not key.startswith("$")}
    others = {key: test for key, test in chosen.items() if key.startswith("$")}
    return [{"$match": plain}, {"$match": every(others, READABLE)}]


def _has(spread: Spread) -> Filter:
    """Return the filter for the records that a spread does not leave out."""
    return matching(IsNull(spread.operand, negated=True))


def _key(asked: Tally) -> dict[str, Expression]:
    """Return the parts of the key of a group."""
    key: dict[str, Expression] = {}
    if asked.slot_seconds is not None:
        milliseconds = {"$toLong": "$started_at"}
        key["slot"] = {"$floor": {"$divide": [milliseconds, asked.slot_seconds * 1000]}}
    for index, operand in enumerate(asked.by):
        key[f"k{index}"] = _scalar(operand)
    if asked.spread is not None:
        key["spread"] = (_bin if asked.spread.as_bins else _scalar)(asked.spread.operand)
    return key


def _scalar(operand: Operand) -> Expression:
    """Return the expression for a value by which records are grouped."""
    value = operands.value(operand)
    if isinstance(operand, Field):
        return value
    kind = {"$type": value}
    return {
        "$switch": {
            "branches": [
                {"case": {"$in": [kind, _PLAIN]}, "then": value},
                {"case": {"$in": [kind, ["missing", "null"]]}, "then": None},
                {"case": {"$eq": [kind, "object"]}, "then": OBJECT},
                {"case": {"$eq": [kind, "array"]}, "then": LIST},
            ],
            # A group of its own, because a decimal equals an integer.
            "default": _NO_JSON,
        }
    }


def _number(operand: Operand) -> Expression:
    """Return the expression for a value that is a number; null when it is none."""
    value = operands.value(operand)
    if isinstance(operand, Field):
        return value if operand.type == "number" else {"$literal": None}
    is_number = {
        "$and": [
            {"$in": [{"$type": value}, list(NUMBER)]},
            {"$gte": [value, -sys.float_info.max]},  # NaN comes before all numbers
            {"$lte": [value, sys.float_info.max]},
        ]
    }
    return {"$cond": [is_number, value, None]}


def _is_always_a_number(operand: Operand) -> bool:
    return isinstance(operand, Field) and operand.type == "number" and operand.name not in NULLABLE


def _bin(operand: Operand) -> Expression:
    """Return the expression for the bin of a value: `flask_chest.query.histogram`."""
    number = _number(operand)
    # As a double, because the smallest integer has no magnitude.
    magnitude = {"$abs": {"$toDouble": "$$number"}}
    found = {"$floor": {"$multiply": [{"$ln": magnitude}, FACTOR]}}
    bin_ = {"$max": [{"$add": [found, OFFSET]}, 1]}
    signed = {"$cond": [{"$gt": ["$$number", 0]}, bin_, {"$multiply": [bin_, -1]}]}
    return {
        "$let": {
            "vars": {"number": number},
            "in": {
                "$cond": [
                    {"$eq": ["$$number", None]},
                    None,
                    {"$cond": [{"$lt": [magnitude, SMALLEST]}, 0, signed]},
                ]
            },
        }
    }


def rows(found: Iterable[Mapping[str, Any]], asked: Tally) -> Iterator[TallyRow]:
    """Yield the groups among the rows of `pipeline`.

    A group of values that JSON lacks, as after a change by hand, is passed over.
    """
    for row in found:
        key = row["_id"] or {}
        try:
            values = tuple(_value(key.get(f"k{index}")) for index in range(len(asked.by)))
            spread = _value(key.get("spread"))
        except (TypeError, ValueError, BSONError):
            continue
        if asked.spread is not None and spread is None:
            continue
        slot = None
        if asked.slot_seconds is not None:
            slot = int(key["slot"]) * asked.slot_seconds
        yield TallyRow(
            slot,
            values,
            spread,
            row["records"],
            float(row["weight"]),
            float(row["errors"]),
            tuple(_sums(row, f"n{index}") for index in range(len(asked.numbers))),
        )


def _value(value: Any) -> Scalar:  # noqa: ANN401 - what BSON has
    if isinstance(value, UUID):
        return str(value)
    found = as_json(value)
    if isinstance(found, dict):  # `_NO_JSON`
        raise TypeError("a value that JSON lacks")
    return scalar_of(found)


def _sums(row: Mapping[str, Any], name: str) -> Sums:
    return Sums(
        float(row[f"{name}w"]),
        float(row[f"{name}t"]),
        _plain(row[f"{name}l"]),
        _plain(row[f"{name}m"]),
    )


def _plain(number: float | None) -> float | None:
    return int(number) if isinstance(number, int) else number

"""Random records with values that are hard to compare, and random questions about them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, cast

from flask_chest.query import Order, Place, Selection, Spread, Tally, place_of
from flask_chest.query.nodes import (
    FIELDS,
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
    TextTest,
    Value,
    Variable,
)
from flask_chest.record import JsonValue, RecordData
from flask_chest.testing.records import START, make_record

NUMBERS: Final[Sequence[int | float]] = (
    0, 1, -1, 2, 7, -7, 200, 1.5, -2.5, 0.1, -0.0, 1.0, 1e-300, 1e300, -1e300, 10**15, 1e15,
    2**53, 2**53 + 1, 2**53 - 1, float(2**53), -(2**53) - 1, 2**63 - 1, 2**63 - 2, -(2**63), 1e19,
)  # fmt: skip
"""Some equal each other, and some would if they were floats."""

TEXTS: Final = (
    "", " ", "a", "A", "a ", " a", "b", "ab", "B", "é", "É", "e\u0301", "ß", "ss", "z", "1", "1.0",
    "true", "null", "%", "_", "a%b", "a_b", "\\", "a\\b", "'", '"', "$x", ".*", "[a]", "a\nb",
    "\uffff", "\N{GRINNING FACE}", "a\u2028", "{}", "[1]",
)  # fmt: skip
"""UTF-16 orders the last two but two otherwise than code points do."""

MOMENTS: Final = (
    *(START + timedelta(microseconds=us) for us in (0, 1, 876_543, 876_544, -123_456, 60_000_000)),
    START + timedelta(hours=1),
    START - timedelta(days=1),
    datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=timezone.utc),
    datetime(2024, 5, 6, tzinfo=timezone.utc),
)

_KEYS: Final = ("plan", "odd key", 'q"uo', "é", "a.b", "$x", "0", "back\\slash", "it's")
_NAMES: Final = ("a", "b", "user", "list", "odd name", "q\"uo'te", "é", "x.y", "$0", "%s", "")

OPERANDS: Final[Sequence[Operand]] = (
    *map(Field, FIELDS),
    *(Variable((name,)) for name in _NAMES),
    *(Variable(("user", key)) for key in _KEYS),
    Variable(("user", "plan", "n")),
    Variable(("list", "0")),
    Variable(("a", "plan")),
    Variable(("none",)),
)

SIZE: Final = Variable(("size",))
"""Its numbers have sums that every database has, and lie on the border of no bin."""

_ORDERS: Final[Sequence[Operand]] = (*map(Field, FIELDS), SIZE)
"""What orders records in every database as it does here: no two numbers are the same double."""

_SIZES: Final[Sequence[JsonValue]] = (
    0, 3, -3, 0.1, 2.5, 99.9, 1_000, 12_345.678, 1e-30, -1e9, 7e12, "3", True, None, [3], {"n": 3},
)  # fmt: skip


def odd_records(choose: random.Random, number: int) -> list[RecordData]:
    """Return random records.

    Args:
        choose: The source of chance.
        number: How many.
    """

    def scalar() -> JsonValue:
        pools: tuple[Sequence[JsonValue], ...] = (NUMBERS, TEXTS, (True, False, None))
        return choose.choice(choose.choice(pools))

    def value() -> JsonValue:
        if choose.random() < 0.8:
            return scalar()
        nested: list[JsonValue] = [[], [scalar()], {}, {"plan": scalar()}]
        return choose.choice(nested)

    def variables() -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {
            name: value() for name in choose.sample(_NAMES, choose.randrange(5))
        }
        if choose.random() < 0.5:
            inner: dict[str, JsonValue] = {
                key: value() for key in choose.sample(_KEYS, choose.randrange(4))
            }
            if choose.random() < 0.3:
                inner["plan"] = {"n": scalar()}
            found["user"] = inner
        if choose.random() < 0.3:
            found["list"] = [scalar(), scalar()]
        if choose.random() < 0.8:
            found["size"] = choose.choice(_SIZES)
        return found

    return [
        make_record(
            request_id=choose.choice(["r-1", "R-1", "r_1"]),
            trace_id=choose.choice([None, "0" * 31 + "1", "f" * 32]),
            endpoint=choose.choice(["cart", "Cart", "cart ", None]),
            route=choose.choice(["/", "/é/<int:id>", "/cart/%", None]),
            method=choose.choice(["GET", "POST"]),
            path=choose.choice(["/", "/a%b", "/A", "/é", "/a\\b"]),
            status_code=choose.choice([200, 404, 499, 500, 503, None]),
            error=choose.choice([None, None, None, "builtins.KeyError"]),
            started_at=choose.choice(MOMENTS),
            duration_ms=choose.choice([0.0, 0.1, 2.5, 10.0, 99.9, 1_000.0, 0.1 + 0.2]),
            weight=choose.choice([1.0, 1.0, 2.0, 2.5]),
            variables=variables(),
        )
        for _ in range(number)
    ]


class Questions:
    """Random questions.

    Args:
        choose: The source of chance.
    """

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose

    def selection(self, records: Sequence[RecordData]) -> Selection:
        """Return a selection among records."""
        choose = self._choose
        order = Order(choose.choice(_ORDERS), choose.random() < 0.5)
        after: Place | None = None
        if choose.random() < 0.5:
            after = place_of(choose.choice(records), order)
            after = after._replace(id=choose.choice([after.id, after.id, ""]))
        since, until = self._range()
        return Selection(
            self._maybe(self.condition), since, until, order, after, choose.choice([1, 5, 1_000])
        )

    def tally(self) -> Tally:
        """Return a tally."""
        choose = self._choose
        since, until = self._range()
        by = [each for each in OPERANDS if each != Field("started_at")]
        numbers: list[Operand] = [SIZE, Field("duration_ms"), Field("status_code")]
        spread = choose.choice(
            [None, Spread(choose.choice(by)), Spread(choose.choice(numbers[:2]), as_bins=True)]
        )
        return Tally(
            self._maybe(self.condition),
            since,
            until,
            choose.choice([None, None, 1, 7, 60, 3_600, 86_400, 604_800]),
            tuple(choose.sample(by, choose.choice([0, 1, 1, 2]))),
            tuple(choose.sample(numbers, choose.choice([0, 2]))),
            spread,
        )

    def condition(self, depth: int = 3) -> Node:
        """Return a condition, most of which some of `odd_records` satisfy."""
        choose = self._choose
        if depth and choose.random() < 0.3:
            parts = tuple(self.condition(depth - 1) for _ in range(choose.choice([2, 2, 3])))
            return And(parts) if choose.random() < 0.5 else Or(parts)
        found = choose.choice(OPERANDS)
        tests: list[Callable[[Operand], Node]] = [self._compare, self._compare, self._one_of]
        if isinstance(found, Variable):
            tests += [self._is_null, self._exists, self._text]
        else:
            tests += [self._is_null] if found.name in {"route", "status_code", "error"} else []
            tests += [self._text] if found.type == "text" else []
        return choose.choice(tests)(found)

    def _range(self) -> tuple[datetime | None, datetime | None]:
        choose = self._choose
        if choose.random() < 0.6:
            return None, None
        since, until = sorted(choose.choices(MOMENTS, k=2))
        return choose.choice([(since, until), (since, None), (None, until)])

    def _maybe(self, make: Callable[[], Node]) -> Node | None:
        return make() if self._choose.random() < 0.8 else None

    def _value(self, operand: Operand) -> Value:
        choose = self._choose
        if isinstance(operand, Variable):
            return choose.choice(
                cast("Sequence[Value]", choose.choice([NUMBERS, TEXTS, (True, False)]))
            )
        if operand.type == "time":
            return choose.choice(MOMENTS)
        if operand.type == "number":
            return choose.choice([*NUMBERS, 200, 404, 500, 0.1, 2.5, 0.1 + 0.2, 2.0])
        known = {"route": ["/", "/é/<int:id>", "/cart/%"], "endpoint": ["cart", "Cart"]}
        return choose.choice([*known.get(operand.name, ["GET", "r-1", "/A", "f" * 32]), *TEXTS[:6]])

    def _compare(self, operand: Operand) -> Node:
        value = self._value(operand)
        operators: Sequence[Operator] = ("==", "!=", "<", "<=", ">", ">=")
        if isinstance(value, bool):
            operators = operators[:2]
        return Compare(operand, self._choose.choice(operators), value)

    def _one_of(self, operand: Operand) -> Node:
        values = tuple(self._value(operand) for _ in range(self._choose.choice([1, 2, 4])))
        return OneOf(operand, values, self._choose.random() < 0.5)

    def _is_null(self, operand: Operand) -> Node:
        return IsNull(operand, self._choose.random() < 0.5)

    def _exists(self, operand: Operand) -> Node:
        return Exists(cast("Variable", operand), self._choose.random() < 0.5)

    def _text(self, operand: Operand) -> Node:
        tests: Sequence[TextTest] = ("contains", "startswith", "endswith")
        text = self._choose.choice(TEXTS)
        return TextMatch(operand, self._choose.choice(tests), text, self._choose.random() < 0.5)

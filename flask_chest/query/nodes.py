"""The parts of a filter, as a store compiles them. All are plain values, and hashable.

There is no negation: `parse` moves each `not` down to the conditions, which have an opposite of
their own. So every condition is true or false, and two conditions are joined by `And` or `Or`.

**Types decide.** A number is compared with numbers, a text with texts, a bool with bools. A bool is
no number. A value of another type, null and a missing value satisfy neither a condition nor its
opposite. What asks for them is `IsNull` and `Exists`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from flask_chest.record import JsonValue

FieldType: TypeAlias = Literal["text", "number", "time"]
Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
TextTest: TypeAlias = Literal["contains", "startswith", "endswith"]
Value: TypeAlias = str | int | float | bool | datetime
"""A text without NUL and lone surrogates; a number that is finite, an int of at most 64 bits."""

FIELDS: Final[dict[str, FieldType]] = {
    "id": "text",
    "request_id": "text",
    "trace_id": "text",
    "service": "text",
    "instance": "text",
    "endpoint": "text",
    "route": "text",
    "method": "text",
    "path": "text",
    "status_code": "number",
    "error": "text",
    "started_at": "time",
    "duration_ms": "number",
    "weight": "number",
}
"""The fields of a record by their type, without `variables`."""

NULLABLE: Final = frozenset({"trace_id", "endpoint", "route", "status_code", "error"})
"""The fields that may be null."""


@dataclass(frozen=True)
class Field:
    """A field of the record.

    Attributes:
        name: A key of `FIELDS`.
    """

    name: str

    def __hash__(self) -> int:  # a third of the time of the one that is made: parts have many
        return hash(self.name)

    @property
    def type(self) -> FieldType:
        """The type of its values."""
        return FIELDS[self.name]


@dataclass(frozen=True)
class Variable:
    """A variable, or a value within one.

    Attributes:
        path: The name, then a key of each dict that leads to the value.
    """

    path: tuple[str, ...]


Operand: TypeAlias = Field | Variable
"""What a condition is about."""


@dataclass(frozen=True)
class Compare:
    """An operand is compared with a value.

    Texts are ordered by their code points, and numbers by their value: 1 equals 1.0. A value that
    is a bool has only the operators ``==`` and ``!=``.

    Attributes:
        operand: On the left.
        operator: Between the two.
        value: On the right: an aware datetime in UTC for a field of the type `time`, and for no
            other.
    """

    operand: Operand
    operator: Operator
    value: Value


@dataclass(frozen=True)
class OneOf:
    """An operand equals one of several values.

    Attributes:
        operand: What is looked for.
        values: At least one, as in `Compare`.
        negated: Then it equals none of them, and has the type of one of them.
    """

    operand: Operand
    values: tuple[Value, ...]
    negated: bool


@dataclass(frozen=True)
class TextMatch:
    """An operand is a text that has another in it, at its start or at its end. Case matters.

    Attributes:
        operand: What is looked at.
        test: Where the other text is to be.
        text: The other text.
        negated: Then the operand is a text for which the test fails.
    """

    operand: Operand
    test: TextTest
    text: str
    negated: bool


@dataclass(frozen=True)
class IsNull:
    """An operand is null or missing.

    Attributes:
        operand: What is looked at.
        negated: Then it is there, and not null.
    """

    operand: Operand
    negated: bool


@dataclass(frozen=True)
class Exists:
    """A variable is there, be it null.

    Attributes:
        operand: What is looked for.
        negated: Then it is missing.
    """

    operand: Variable
    negated: bool


@dataclass(frozen=True)
class And:
    """All of the parts hold.

    Attributes:
        parts: At least two.
    """

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """At least one of the parts holds.

    Attributes:
        parts: At least two.
    """

    parts: tuple[Node, ...]


Node: TypeAlias = "And | Or | Compare | OneOf | TextMatch | IsNull | Exists"
"""A condition, or several of them."""


def kind(value: JsonValue | datetime) -> str:
    """Return the type by which a value is compared; ``none`` for null, a dict and a list."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "text"
    return "time" if isinstance(value, datetime) else "none"

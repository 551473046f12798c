"""Measures: what is known of a group of records, such as ``p95(duration_ms)``."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask_chest.errors import FilterError, QueryError
from flask_chest.query.faults import fault
from flask_chest.query.nodes import Field, Node, Operand
from flask_chest.query.operands import operand
from flask_chest.query.parser import condition
from flask_chest.query.source import MAX_LENGTH, Source

OF_RECORDS: Final = ("count", "errors", "error_rate", "rate")
"""What is measured of the records themselves."""

OF_NUMBERS: Final = ("sum", "mean", "min", "max", "histogram")
"""What is measured of the numbers that a field or a variable has."""

OF_VALUES: Final = ("distinct", "top")
"""What is measured of its values, whatever they are."""

_PERCENTILE: Final = re.compile(r"p([0-9]{1,3}(?:\.[0-9]{1,6})?)")
_NAME: Final = re.compile(r"[\s()]")
_KNOWN: Final = (*OF_RECORDS, *OF_NUMBERS, *OF_VALUES, "share")
_LIKELY: Final = 0.8
"""How near a lone name is to that of a measure, to be taken for it, and not for a variable."""

_OTHER_NAMES: Final = {
    "avg": "mean", "average": "mean", "median": "p50", "total": "sum", "maximum": "max",
    "minimum": "min", "unique": "distinct", "count_distinct": "distinct", "nunique": "distinct",
    "mode": "top", "requests": "count", "percentile": "p95", "quantile": "p95", "qps": "rate",
    "rps": "rate", "failures": "errors", "ratio": "share", "p100": "max", "p0": "min",
}  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """A measure. `parse_measure` makes it.

    Attributes:
        text: As it was written, without blanks around it: the name of its column.
        function: One of the names above, or ``percentile``, or ``share``.
        operand: What it is of; None for what is measured of records.
        percent: Of a percentile: above 0 and below 100.
        condition: Of a share.
    """

    text: str
    function: str
    operand: Operand | None = None
    percent: float = 0.0
    condition: Node | None = None

    @property
    def is_of_numbers(self) -> bool:
        """Whether it takes the numbers of its operand, and passes over all else."""
        return self.function == "percentile" or self.function in OF_NUMBERS


def parse_measure(text: str, *, now: datetime | None = None) -> Measure:
    """Read a measure, such as ``count``, ``sum(cost_usd)`` or ``share(duration_ms > 500)``.

    Args:
        text: The measure. docs/reference/measures.md has them all.
        now: From where a distance in a filter is measured; None for the present.

    Raises:
        QueryError: It cannot be read. The message points at the place.
    """
    if not isinstance(text, str):
        raise QueryError(f"a measure is a text, such as 'count', and not {text!r}")
    try:
        return _read(text, now)
    except FilterError as error:
        raise QueryError(str(error)) from None


def _read(text: str, now: datetime | None) -> Measure:
    if len(text) > MAX_LENGTH:
        raise fault(f"a measure has at most {MAX_LENGTH} characters", text, MAX_LENGTH)
    begin = len(text) - len(text.lstrip())
    name = _NAME.split(text[begin:], 1)[0]
    rest = text[begin + len(name) :].strip()
    percent = _percent(name, text, begin)
    if not name:
        raise fault("a measure begins with its name, such as count or sum(cost_usd)", text, begin)
    if percent is None and name not in _KNOWN:
        raise fault(f"there is no measure {name[:60]!r}{_hint(name, rest)}", text, begin)
    if name in OF_RECORDS:
        if rest:
            raise fault(f"{name} is of the records, and takes no name: write {name}", text, begin)
        return Measure(name, name)
    inner, end = _brackets(name, rest, text)
    source = Source(text, "measure", begin=inner, end=end)
    if name == "share":
        return Measure(text.strip(), name, condition=condition(source, now))
    found = operand(source, source.tree())
    _check_type(name, found, text, inner)
    if percent is not None:
        return Measure(text.strip(), "percentile", found, percent)
    return Measure(text.strip(), name, found)


def _brackets(name: str, rest: str, text: str) -> tuple[int, int]:
    """Return where the inside of the brackets after a name begins and ends."""
    end = len(text.rstrip())
    begin = end - len(rest)
    if not rest:
        raise fault(f"{name} needs what it is of, in brackets: {_example(name)}", text, end)
    if not rest.startswith("("):
        raise fault(f"a bracket follows {name}: write {_example(name)}", text, begin)
    if not rest.endswith(")"):
        open_ = 0
        for index, character in enumerate(rest):
            open_ += {"(": 1, ")": -1}.get(character, 0)
            if not open_:
                raise fault("a measure ends with its closing bracket", text, begin + index + 1)
        raise fault(f"the closing bracket is missing: write {_example(name)}", text, end)
    if not rest[1:-1].strip():
        raise fault(f"{name} needs what it is of: write {_example(name)}", text, begin + 1)
    return begin + 1, end - 1


def _percent(name: str, text: str, begin: int) -> float | None:
    found = _PERCENTILE.fullmatch(name)
    if found is None:
        return None
    percent = float(found[1])
    if not 0 < percent < 100:
        hint = "min(...)" if percent == 0 else "max(...)"
        raise fault(
            f"a percentile is between p0 and p100: write {hint}, or p50, p99.9", text, begin
        )
    return percent


def _check_type(name: str, found: Operand, text: str, position: int) -> None:
    if not isinstance(found, Field) or found.type == "number":
        return
    if found.type == "time":
        raise fault(
            f"{name} is not of {found.name}, a time. For groups by time: every='1h'", text, position
        )
    if name not in OF_VALUES:
        raise fault(
            f"{name} is of numbers, and the field {found.name!r} is a text. Its different values: "
            f"distinct({found.name}); the most frequent: top({found.name})",
            text,
            position,
        )


def _example(name: str) -> str:
    if name == "share":
        return "share(duration_ms > 500)"
    return f"{name}(user_id)" if name in OF_VALUES else f"{name}(duration_ms)"


def _hint(name: str, rest: str) -> str:
    lower = name.lower()
    near = [_OTHER_NAMES[lower]] if lower in _OTHER_NAMES else []
    likely = difflib.get_close_matches(lower, _KNOWN, 1, cutoff=_LIKELY)
    if not near and not rest and not likely and (of := _of(name)):
        return of
    near = near or likely or difflib.get_close_matches(lower, _KNOWN, 1)
    if not near:
        return f". The measures are {', '.join(_KNOWN)}, and percentiles such as p95"
    if near[0] in OF_RECORDS:
        return f": write {near[0]}"
    is_whole = len(rest) <= 60 and rest.startswith("(") and rest.endswith(")")
    return f": write {near[0] + rest if is_whole else _example(near[0])}"


def _of(name: str) -> str | None:
    """Return what to write for a measure of a name alone; None where it is none of a field."""
    if len(name) > 60:
        return None
    source = Source(name, "measure")
    try:
        found = operand(source, source.tree())
    except FilterError:
        return None
    if not isinstance(found, Field):
        return f". To sum a variable, write sum({name}); others are mean({name}), p95({name})"
    if found.type == "number":
        return f". It is a field: write p95({name}), mean({name}) or max({name})"
    return None if found.type == "time" else f". It is a field: write distinct({name})"

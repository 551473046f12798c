"""Makes the variables of a record from what Flask-Chest 0.0.10 wrote as texts."""

from __future__ import annotations

import difflib
import fnmatch
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from flask_chest.encode.limits import MAX_ITEMS, MAX_RECORD
from flask_chest.encode.patterns import MAX_REMEMBERED, Patterns, Verdicts
from flask_chest.encode.record_conversion import RecordConversion
from flask_chest.record import JsonValue
from flask_chest.redaction import Redactor
from flask_chest.upkeep.old_rows import OldValue

_INTEGER: Final = re.compile("0|-?[1-9][0-9]{0,18}")
_FLOAT: Final = re.compile(r"-?[0-9]+\.[0-9]+(?:e[+-][0-9]+)?")
_BOOLEANS: Final = {"1": True, "0": False}
_MAX_INTEGER: Final = 2**63


class _Named(Patterns):
    """A route of 0.0.10 named each of its variables: there were no patterns."""

    __slots__ = ()

    def names_exactly(self, name: str) -> bool:  # noqa: ARG002 - the interface
        return True


@dataclass(frozen=True)
class Kinds:
    """What the texts of some variables were, before 0.0.10 made texts of them.

    Attributes:
        numbers: Names, and patterns with ``*``, of numbers.
        booleans: Those of True and False, which it wrote as 1 and 0.
    """

    numbers: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()

    def typed(self, name: str, value: OldValue) -> tuple[OldValue, bool]:
        """Return a value, and whether it is of the kind that its name says.

        A text that is written in another way than 0.0.10 wrote such a value stays a text.
        """
        if value is None:
            return None, True
        if _matches(name, self.booleans):
            known = _BOOLEANS.get(value) if isinstance(value, str) else None
            return (value, False) if known is None else (known, True)
        if _matches(name, self.numbers):
            number = _number(value) if isinstance(value, str) else None
            return (value, False) if number is None else (number, True)
        return value, True


def unknown(patterns: Iterable[str], names: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each name or pattern that is of no variable, with the name that it is nearest to.

    Args:
        patterns: As `Kinds` has them.
        names: Of all variables.
    """
    for pattern in patterns:
        if not any(_matches(name, [pattern]) for name in names):
            near = difflib.get_close_matches(pattern, sorted(names), n=1)
            yield pattern, near[0] if near else None


class OldVariables:
    """Makes the variables of records, redacted and bounded as those of a request are.

    Args:
        redact: Takes out what is secret.
        exclusions: Patterns of variables that are left out, without ``!``.
        kinds: Which texts were none.

    Attributes:
        masked: How many values were masked, by name.
        untyped: How many values are not of the kind that `kinds` says, by name.
        excluded: How many values were left out.
    """

    def __init__(self, redact: Redactor, exclusions: Iterable[str], kinds: Kinds) -> None:
        self._redact = redact
        self._named = _Named((), setting="")
        left_out = [f"!{each}" for each in exclusions]
        self._left_out = Patterns(left_out, setting="CHEST_VARIABLES") if left_out else None
        self._kinds = kinds
        self._memory = Verdicts()
        self.masked: Counter[str] = Counter()
        self.untyped: Counter[str] = Counter()
        self.excluded = 0

    def take(self, values: Mapping[str, OldValue]) -> dict[str, JsonValue]:
        """Return the variables of one record."""
        if len(self._memory) + len(self._memory.strong) >= MAX_REMEMBERED:
            self._memory = Verdicts()
        kept = {name: value for name, value in values.items() if not self._is_excluded(name)}
        self.excluded += len(values) - len(kept)
        conversion = RecordConversion(self._redact, self._named, self._memory, MAX_RECORD)
        for name, value in islice(kept.items(), MAX_ITEMS):
            typed, is_of_kind = self._kinds.typed(name, value)
            if not is_of_kind:
                self.untyped[name] += 1
            if not conversion.add(name, typed):
                break
        data = conversion.finish(len(kept))
        self.masked.update(conversion.budget.masked)
        return data

    def _is_excluded(self, name: str) -> bool:
        return self._left_out is not None and self._left_out.excludes(name)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == each or fnmatch.fnmatchcase(name, each) for each in patterns)


def _number(text: str) -> int | float | None:
    """Return the number that SQLite has written as a text; None when it is none."""
    if _INTEGER.fullmatch(text):
        number = int(text)
        return number if -_MAX_INTEGER <= number < _MAX_INTEGER else None
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else None
    return None

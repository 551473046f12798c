"""The conversion of one record's variables, within its limits and its budget."""

from __future__ import annotations

from typing import Final, cast

from flask_chest.encode.fact_names import is_fact
from flask_chest.encode.limits import MAX_ITEMS, VALUE_COST
from flask_chest.encode.patterns import Patterns, Verdicts
from flask_chest.encode.text import unique_key
from flask_chest.encode.values import NotData, is_short, to_data
from flask_chest.record import JsonValue
from flask_chest.redaction import DROPPED, MASK, PLAIN, STRONG, WEAK, Budget, Redactor

CUT: Final = "…"
"""Key that says how many variables there were when not all are kept."""


class RecordConversion:
    """The conversion of one record.

    Args:
        redact: Takes out secrets.
        patterns: Chose the variables.
        memory: Verdicts on names that were seen before; new ones are added.
        room: Characters that all variables may have.

    Attributes:
        data: What the record has so far.
        budget: What the record may still cost, and what was masked.
        skipped: Number of values that are not data.
    """

    def __init__(self, redact: Redactor, patterns: Patterns, memory: Verdicts, room: int) -> None:
        self.data: dict[str, JsonValue] = {}
        self.budget = Budget()
        self.skipped = 0
        self._redact = redact
        self._patterns = patterns
        self._memory = memory
        self._room = room
        self._repeats: dict[str, int] = {}
        self._late: list[tuple[str, str, object, int]] = []
        self._is_cut = False

    def keep(self, name: str, value: object) -> None:
        """Add a variable whose value is fit for JSON."""
        self.data[name] = plain = cast("JsonValue", value)
        self._room -= VALUE_COST + len(name) + (len(plain) if isinstance(plain, str) else 0)

    def add(self, name: str, value: object) -> bool:
        """Add a variable in its JSON form, now or when all short ones are there.

        Returns:
            False when the budget is spent.
        """
        if self.budget.steps < 0:
            self._is_cut = True
            return False
        if not issubclass(type(name), str):  # a plugin has added it
            self.skipped += 1
            return True
        key, verdict = self._key(name)
        self._room -= len(key)
        if verdict != PLAIN and type(value) is str and self._redact.masks:
            # Fast path. A conversion takes five times as long.
            self.data[key] = MASK
            self.budget.variable = key
            self.budget.mask()
            return True
        self.data[key] = None  # at its place
        if is_short(value):
            self._convert(name, key, value, verdict)
        else:
            self._late.append((name, key, value, verdict))
        return True

    def finish(self, number: int) -> dict[str, JsonValue]:
        """Return all variables.

        Args:
            number: How many there were.
        """
        for each in self._late:  # a large value uses up the budget of no short one
            self._convert(*each)
        if self._is_cut or number > MAX_ITEMS:
            self.data[unique_key(CUT, self.data, self._repeats)] = f"[cut, {number} items]"
        return self.data

    def _convert(self, name: str, key: str, value: object, verdict: int) -> None:
        self.budget.variable = key
        try:
            form, taken = to_data(
                value,
                verdict,
                self._room,
                self._redact,
                self.budget,
                named=self._patterns.asks_for(name),
            )
        except NotData:
            form, taken = DROPPED, 0
            self.skipped += 1
        self._room -= taken
        if form is DROPPED:
            del self.data[key]
        else:
            self.data[key] = cast("JsonValue", form)

    def _key(self, name: str) -> tuple[str, int]:
        """Return the key of a variable in the record, and the verdict on its name."""
        name = str.__str__(name)  # the same name, without overrides
        verdict = STRONG if name in self._memory.strong else self._memory.get(name)
        if verdict is not None and name not in self.data:
            return name, verdict
        self.budget.variable = "a name of a variable"
        key = name
        if name in self.data or not self._redact.is_harmless(name, self.budget):
            key = unique_key(name, self.data, self._repeats, self._redact, self.budget)
        verdict = self._verdict(name)
        # A client may invent any number of parameters and headers.
        if key == name and (name in self._patterns.facts or not is_fact(name)):
            if verdict == STRONG:
                self._memory.strong.add(name)
            else:
                self._memory[name] = verdict
        return key, verdict

    def _verdict(self, name: str) -> int:
        if name in self._patterns.facts:
            return self._redact.keys.verdict_of_fact(name)
        verdict = self._redact.verdict(name, self.budget)
        # Who names a variable exactly wants it. What is secret inside its value is still found.
        return PLAIN if verdict == WEAK and self._patterns.names_exactly(name) else verdict

"""The filter: takes from `flask.g` the variables that are asked for, and makes JSON of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from itertools import islice
from typing import Final, cast

from flask_chest.encode.fact_names import is_fact
from flask_chest.encode.fast_path import MIN_NUMBER, flat_copy
from flask_chest.encode.limits import MAX_ITEMS, MAX_RECORD, VALUE_COST
from flask_chest.encode.patterns import MAX_REMEMBERED, Patterns
from flask_chest.encode.text import unique_key
from flask_chest.encode.values import NotData, to_data
from flask_chest.record import JsonValue
from flask_chest.redaction import DROPPED, MAX_NUMBER, PLAIN, SECRET, Redactor

_MISSING: Final = object()


class VariableFilter:
    """Chooses variables, and makes JSON of them, without secrets and within the limits.

    Args:
        redact: Takes out what is secret.
        skipped: Called with the number of values that a pattern caught and that are not data.
    """

    def __init__(self, redact: Redactor, skipped: Callable[[int], None]) -> None:
        self._redact = redact
        self._skipped = skipped
        self._verdicts: dict[str, int] = {}
        """The redactor's verdict on names that are fit for JSON. Secret names are not there."""

    def take(
        self,
        variables: Mapping[str, object],
        patterns: Patterns,
        enrich: Callable[[dict[str, object]], None] | None = None,
    ) -> Mapping[str, JsonValue]:
        """Return the JSON form of the chosen variables.

        Args:
            variables: What is on `flask.g`, and the facts that `patterns` take.
            patterns: Choose among them. Listed names come first, then the others as on `g`.
            enrich: May change the chosen variables, values as they are, before they become JSON.
                Nothing is raised but what this raises.
        """
        names: Collection[str]
        if enrich is not None:
            chosen = patterns.choose(variables)
            enrich(chosen)
            variables, names, verdicts = chosen, chosen, self._verdicts
        else:
            names, verdicts = patterns.names, patterns.verdicts
            if patterns.has_wildcards:
                # `dict` copies in one step. Another thread may still write to `g`.
                variables = dict(variables)
                names = (*names, *variables) if names else variables
        # Fast path: most variables are short scalars, under names that are known. Each record comes
        # by here, so one loop chooses names and judges values, and calls next to nothing. Its
        # condition stands in `fast_path.flat_copy` once more: a function for both takes a second
        # loop here, and 10,050 instructions for 3 variables instead of 8,890.
        harmless = self._redact.harmless
        taken: dict[str, object] = {}
        flats, room = [], MAX_RECORD // 2  # scalars have the other half
        others: set[str] = set()
        for name in names:
            value = variables.get(name, _MISSING)
            kind = type(value)
            if (verdict := verdicts.get(name)) is not None:
                if (
                    verdict == PLAIN and (value in harmless or self._redact.is_harmless(value))  # type: ignore[arg-type] # a str
                    if kind is str
                    else MIN_NUMBER < value < MAX_NUMBER  # type: ignore[operator] # NaN is not
                    if kind is int or kind is float
                    else value is None or kind is bool
                ):
                    taken[name] = value
                elif verdict == PLAIN and (known := flat_copy(value, self._redact)) is not None:
                    taken[name], used = known
                    room -= used
                    flats.append(name)
                elif value is not _MISSING:
                    taken[name] = value
                    others.add(name)
            elif value is not _MISSING and (
                enrich is not None or patterns.caught.get(name) is not False
            ):
                return self._learned(variables, patterns, is_chosen=enrich is not None)
        if others or room < 0 or len(taken) > MAX_ITEMS:
            return self._converted(taken, others.union(flats), patterns)
        return taken  # type: ignore[return-value] # scalars, and copies of flat containers

    def _learned(
        self, variables: Mapping[str, object], patterns: Patterns, *, is_chosen: bool
    ) -> Mapping[str, JsonValue]:
        """Return the JSON form of variables with new names among them, and remember the names."""
        chosen = variables if is_chosen else patterns.choose(variables)
        data = self._converted(chosen, chosen, patterns)
        if not is_chosen and len(patterns.verdicts) < MAX_REMEMBERED:
            known = self._verdicts
            patterns.verdicts.update((name, known[name]) for name in chosen if name in known)
        return data

    def _converted(
        self, chosen: Mapping[str, object], others: Container[str], patterns: Patterns
    ) -> dict[str, JsonValue]:
        """Return the JSON form of variables. Only those named in `others` need a conversion."""
        room = MAX_RECORD
        data: dict[str, JsonValue] = {}
        repeats: dict[str, int] = {}
        skipped = 0
        for name, value in islice(chosen.items(), MAX_ITEMS):
            if name not in others and name not in data:
                data[name] = plain = cast("JsonValue", value)
                room -= VALUE_COST + len(name) + (len(plain) if isinstance(plain, str) else 0)
                continue
            try:
                room -= self._add(data, name, value, patterns, room=room, repeats=repeats)
            except (
                NotData,
                TypeError,
            ):  # not data, or a plugin has added it under a name that is not a text
                skipped += 1
        if len(chosen) > MAX_ITEMS:
            data[unique_key("…", data, repeats)] = f"[cut, {len(chosen)} items]"
        if skipped:
            self._skipped(skipped)
        return data

    def _add(
        self,
        data: dict[str, JsonValue],
        name: str,
        value: object,
        patterns: Patterns,
        *,
        room: int,
        repeats: dict[str, int],
    ) -> int:
        """Add a variable in its JSON form; return the room that it takes.

        Raises:
            NotData: Its value is not data.
            TypeError: Its name is not a text.
        """
        name = str.__str__(name)  # the same name, without overrides
        verdict = self._redact.verdict(name)
        memory = self._verdicts
        if is_fact(name):
            # Another list may take the same fact by a `*`. What a `*` takes is not remembered: a
            # client may invent any number of names.
            memory = {}
            if name in patterns.facts:
                memory, verdict = patterns.verdicts, self._redact.verdict_of_named(name)
        key = name
        if name not in memory or name in data:
            key = unique_key(name, data, repeats, self._redact)
        if verdict != SECRET and key == name and len(memory) < MAX_REMEMBERED:
            memory[name] = verdict
        room -= len(key)
        form, taken = to_data(value, verdict, room, self._redact, named=patterns.asks_for(name))
        if form is not DROPPED:
            data[key] = cast("JsonValue", form)
        return len(key) + taken

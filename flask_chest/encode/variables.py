"""The filter: takes from `flask.g` the variables that are asked for, and makes JSON of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from itertools import islice
from typing import Final

from flask_chest.encode.fast_path import MIN_NUMBER, flat_dict, flat_list
from flask_chest.encode.limits import MAX_FLAT, MAX_ITEMS, MAX_NAMES, MAX_RECORD
from flask_chest.encode.masked_names import Masked
from flask_chest.encode.patterns import MAX_REMEMBERED, Patterns, Verdicts
from flask_chest.encode.record_conversion import CUT, RecordConversion
from flask_chest.encode.values import snapshot
from flask_chest.record import JsonValue
from flask_chest.redaction import MASK, MAX_NUMBER, PLAIN, Redactor

_MISSING: Final = object()
_MANY: Final = 256
"""More variables than these are converted within a budget, although most may be short scalars."""


class VariableFilter:
    """Chooses variables, and makes JSON of them, without secrets and within the limits.

    Args:
        redact: Takes out what is secret.
        skipped: Called with the number of values that a pattern caught and that are not data.
        masked: Called with what was masked of a record.
    """

    def __init__(
        self,
        redact: Redactor,
        skipped: Callable[[int], None],
        masked: Masked,
    ) -> None:
        self._redact = redact
        self._skipped = skipped
        self._masked = masked

    def take(  # noqa: C901, PLR0912 - one loop is the fast path
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
        if len(variables) > _MANY:
            return self._take_many(variables, patterns, enrich)
        if enrich is not None:
            chosen = patterns.choose(variables)
            enrich(chosen)
            variables, names, verdicts = chosen, chosen, patterns.chosen_verdicts
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
        room = MAX_FLAT
        others: set[str] = set()
        masked: list[str] = []
        read, judged = variables.get, verdicts.get
        for name in names:
            value = read(name, _MISSING)
            kind = type(value)
            verdict = judged(name)
            if verdict is not None and (
                verdict == PLAIN and (value in harmless or self._redact.is_harmless(value))  # type: ignore[arg-type] # a str
                if kind is str
                else MIN_NUMBER < value < MAX_NUMBER  # type: ignore[operator] # NaN is not
                if kind is int or kind is float
                else value is None or kind is bool
            ):
                taken[name] = value
            elif value is _MISSING:
                pass
            elif verdict is None and name not in verdicts.strong:
                if enrich is not None or patterns.caught.get(name) is not False:
                    return self._learned(variables, patterns, is_chosen=enrich is not None)
            elif verdict != PLAIN and kind is str and self._redact.masks:
                taken[name] = MASK  # a conversion takes 2 us more
                masked.append(name)
            else:
                taken[name] = value
                known: tuple[object, int] | None = None
                if verdict == PLAIN and room > 0:
                    if kind is dict:
                        known = flat_dict(value, self._redact)  # type: ignore[arg-type] # a dict
                    elif kind is list or kind is tuple:
                        known = flat_list(value, self._redact)  # type: ignore[arg-type] # a list or tuple
                if known is not None:
                    taken[name], used = known
                    room -= used
                else:
                    others.add(name)
        if masked:
            self._masked(dict.fromkeys(masked, 1), {})
        if others:
            room += MAX_RECORD - MAX_FLAT
            return self._converted(taken, others, patterns, verdicts, room)
        return taken  # type: ignore[return-value] # scalars, and copies of flat containers

    def _take_many(
        self,
        variables: Mapping[str, object],
        patterns: Patterns,
        enrich: Callable[[dict[str, object]], None] | None,
    ) -> Mapping[str, JsonValue]:
        """Return the same of many variables, such as those that a client sent, within a budget."""
        names = len(variables)
        if names > MAX_NAMES:
            listed = {name: variables[name] for name in patterns.names if name in variables}
            some = snapshot(variables, lambda all_of_g: all_of_g.items(), MAX_NAMES - len(listed))
            variables = {**listed, **dict(some)}
        chosen = patterns.choose(variables)
        if enrich is not None:
            enrich(chosen)
        taken = self._learned(chosen, patterns, is_chosen=True)
        if names > MAX_NAMES:
            taken.pop(CUT, None)
            taken[CUT] = f"[cut, {names} items]"
        return taken

    def _learned(
        self, variables: Mapping[str, object], patterns: Patterns, *, is_chosen: bool
    ) -> dict[str, JsonValue]:
        """Return the JSON form of variables with new names among them, and remember the names."""
        chosen = variables if is_chosen else patterns.choose(variables)
        memory = patterns.chosen_verdicts if is_chosen else patterns.verdicts
        if len(memory) + len(memory.strong) >= MAX_REMEMBERED:  # names that strangers made
            memory.clear()
            memory.strong.clear()
        return self._converted(chosen, chosen, patterns, memory, MAX_RECORD)

    def _converted(
        self,
        chosen: Mapping[str, object],
        others: Container[str],
        patterns: Patterns,
        memory: Verdicts,
        room: int,
    ) -> dict[str, JsonValue]:
        """Return the JSON form of variables. Only those named in `others` need a conversion."""
        conversion = RecordConversion(self._redact, patterns, memory, room)
        for name, value in islice(chosen.items(), MAX_ITEMS):
            if name not in others and name not in conversion.data:
                conversion.keep(name, value)
            elif not conversion.add(name, value):
                break
        data = conversion.finish(len(chosen))
        if conversion.skipped:
            self._skipped(conversion.skipped)
        if conversion.budget.masked:
            self._masked(conversion.budget.masked, conversion.budget.forms)
        return data

"""Takes from `flask.g` what a route and the application want, without secrets, fit for JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from itertools import islice
from typing import Final, cast

from flask_chest.encode.flat import VALUE_COST, flat
from flask_chest.encode.patterns import Patterns
from flask_chest.encode.values import MAX_ITEMS, MAX_RECORD, NotData, to_data, unique_key
from flask_chest.record import JsonValue
from flask_chest.redaction import DROPPED, MAX_NUMBER, PLAIN, SECRET, Redactor

_MAX_KNOWN: Final = 4_096
_LEAST: Final = -MAX_NUMBER
_MISSING: Final = object()


class Pick:
    """What is taken from the requests of one endpoint and method.

    Args:
        patterns: What the route or the application asks for.
        others: Patterns of the blueprint and of the application. Their exclusions hold here, too.
    """

    __slots__ = ("_others", "_patterns", "has_wildcards", "known", "names", "plain")

    def __init__(self, patterns: Patterns, others: Iterable[Patterns] = ()) -> None:
        self._patterns = patterns
        self._others = tuple(others)
        self.names = tuple(name for name in patterns.names if not self._is_excluded(name))
        self.has_wildcards = patterns.has_wildcards  # so names that nobody listed can be taken
        self.known: dict[str, bool] = {}  # what `takes` has said before
        self.plain: dict[str, int] = {}  # names that are taken, with the verdict on them

    def takes(self, name: str) -> bool:
        """Tell whether a pattern takes `name`, and no exclusion keeps it out."""
        known = self.known.get(name)
        if known is None:
            known = self._patterns.takes(name) and not self._is_excluded(name)
            if len(self.known) < _MAX_KNOWN:
                self.known[name] = known
        return known

    def asks_for(self, name: str) -> bool:
        """Tell whether `name` is listed, or a plugin added it; a `*` did not merely catch it."""
        return self._patterns.asks_for(name)

    def _is_excluded(self, name: str) -> bool:
        return any(each.excludes(name) for each in (self._patterns, *self._others))


class VariableFilter:
    """Chooses variables, and makes JSON of them.

    Args:
        redact: Takes out what is secret.
        skipped: Called with the number of values that a pattern caught and that are not data.
    """

    def __init__(self, redact: Redactor, skipped: Callable[[int], None]) -> None:
        self._redact = redact
        self._skipped = skipped
        self._plain_names: dict[str, int] = {}
        """Names that are fit for JSON, with the verdict on them, if that is not: a secret."""

    def take(self, variables: Mapping[str, object], pick: Pick) -> Mapping[str, JsonValue]:
        """Return the JSON form of the chosen variables. Never raises."""
        # Most variables are short scalars, and go into JSON just as they are. This is the most
        # frequent path of all, so it calls next to nothing.
        plain, harmless = pick.plain, self._redact.harmless
        names: Collection[str] = pick.names
        if pick.has_wildcards:
            # `dict` copies in one step, while another thread may still write to `g`.
            variables = dict(variables)
            names = (*names, *variables) if names else variables
        taken: dict[str, object] = {}
        flats, room = [], MAX_RECORD // 2  # scalars have the other half
        others: set[object] = set()
        for name in names:
            value = variables.get(name, _MISSING)
            kind = type(value)
            if (verdict := plain.get(name)) is not None:
                if (
                    verdict == PLAIN and (value in harmless or self._redact.is_harmless(value))  # type: ignore[arg-type]
                    if kind is str
                    else _LEAST < value < MAX_NUMBER  # type: ignore[operator] # NaN is not
                    if kind is int or kind is float
                    else value is None or kind is bool
                ):
                    taken[name] = value
                elif verdict == PLAIN and (known := flat(value, self._redact)) is not None:
                    taken[name], used = known
                    room -= used
                    flats.append(name)
                elif value is not _MISSING:
                    taken[name] = value
                    others.add(name)
            elif value is not _MISSING and pick.known.get(name) is not False:
                return self._learn(variables, pick)
        if others or room < 0 or len(taken) > MAX_ITEMS:
            return self._converted(taken, others.union(flats), pick)
        return taken  # type: ignore[return-value]

    def _learn(self, variables: Mapping[str, object], pick: Pick) -> Mapping[str, JsonValue]:
        """Take variables whose names are new, and remember the names for the next time."""
        chosen = self.choose(variables, pick)
        data = self.to_data(chosen, pick)
        if len(pick.plain) < _MAX_KNOWN:
            known = self._plain_names
            pick.plain.update((name, known[name]) for name in chosen if name in known)
        return data

    @staticmethod
    def choose(variables: Mapping[str, object], pick: Pick) -> dict[str, object]:
        """Return the chosen variables, values as they are, in the order of names, then of `g`."""
        chosen: dict[str, object] = {}
        for name in pick.names:
            value = variables.get(name, _MISSING)  # in one step: another thread may take it away
            if value is not _MISSING:
                chosen[name] = value
        if pick.has_wildcards:
            known = pick.known
            # `dict` copies in one step, while another thread may still write to `g`.
            for name, value in dict(variables).items():
                if type(name) is not str:
                    if not issubclass(type(name), str):  # `vars(g)[1] = ...`
                        continue
                    name = str.__str__(name)  # noqa: PLW2901 - the same name, without overrides
                is_taken = known.get(name)
                if is_taken is None:
                    is_taken = pick.takes(name)
                if is_taken and name not in chosen:
                    chosen[name] = value
        return chosen

    def to_data(self, chosen: dict[str, object], pick: Pick) -> Mapping[str, JsonValue]:
        """Return the JSON form of the chosen variables. Never raises."""
        plain_names, harmless = self._plain_names, self._redact.harmless
        others: set[object] | None = None
        for name, value in chosen.items():
            kind = type(value)
            if not (
                type(name) is str
                and (verdict := plain_names.get(name)) is not None
                and (
                    verdict == PLAIN and (value in harmless or self._redact.is_harmless(value))  # type: ignore[arg-type]
                    if kind is str
                    else _LEAST < value < MAX_NUMBER  # type: ignore[operator] # NaN is not
                    if kind is int or kind is float
                    else value is None or kind is bool
                )
            ):
                others = others or set()
                others.add(name)
        if others is None and len(chosen) <= MAX_ITEMS:
            return chosen  # type: ignore[return-value]
        return self._converted(chosen, others or (), pick)

    def _converted(
        self, chosen: Mapping[str, object], others: Container[object], pick: Pick
    ) -> dict[str, JsonValue]:
        """Return the JSON form of variables, of which all but `others` go into JSON as they are."""
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
                room -= self._add(data, name, value, pick=pick, room=room, repeats=repeats)
            except (NotData, TypeError):  # no data, or under a plugin's name that is no string
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
        *,
        pick: Pick,
        room: int,
        repeats: dict[str, int],
    ) -> int:
        """Add a variable in its JSON form; return the room that it takes.

        Raises:
            NotData: It is no data.
            TypeError: Its name is no text.
        """
        name = str.__str__(name)  # the same name, without overrides
        verdict = self._redact.verdict(name)
        key = name
        if name not in self._plain_names or name in data:
            key = unique_key(name, data, repeats, self._redact)
        if verdict != SECRET and key == name and len(self._plain_names) < _MAX_KNOWN:
            self._plain_names[name] = verdict
        room -= len(key)
        form, taken = to_data(value, verdict, room, self._redact, named=pick.asks_for(name))
        if form is not DROPPED:
            data[key] = cast("JsonValue", form)
        return len(key) + taken

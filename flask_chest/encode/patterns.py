"""Patterns: which variables of `flask.g` and which facts are taken, by names, `*` and `!`."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from flask_chest.encode import fact_names
from flask_chest.errors import ConfigurationError

HTTP_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)

MAX_REMEMBERED: Final = 4_096
"""Maximum number of names that are remembered; a route may put any number of others on `g`."""

_MISSING: Final = object()

# As with a shell and its dot files, a pattern takes names with a leading underscore only if it has
# one itself. The same holds for the reserved prefixes of facts.
_NOT_RESERVED: Final = "".join(f"(?!{re.escape(prefix)})" for prefix in fact_names.RESERVED)


class Verdicts(dict[str, int]):
    """What the redactor said of names.

    Attributes:
        strong: Names that are secret whatever the value. They are not among the keys, so that a
            number needs no look at the verdict.
    """

    __slots__ = ("strong",)

    def __init__(self) -> None:
        super().__init__()
        self.strong: set[str] = set()


class Patterns:
    """Which names one list of names and patterns takes.

    Args:
        patterns: Names of variables or facts, patterns with `*`, and exclusions with a leading `!`.
            Exclusions alone mean everything else on `g`. A single string is a list of one.
        setting: Where the list is written, for the error.
        outer_exclusions: More exclusions, without `!`. They may exclude all that `patterns` take.

    Attributes:
        patterns: The list in its normal form: inclusions, then exclusions.
        exclusions: All exclusions, without `!`.
        names: Names without `*` that are taken, in their order, facts among them.
        facts: Names of facts among these.
        families: Prefixes of facts, such as `request.headers.`, of which a `*` takes some.
        has_wildcards: Whether names that nobody listed can be taken.
        caught: Memory: what `catches` has returned before.
        verdicts: Memory of the one filter that uses these patterns: the redactor's verdict on
            names that are taken and fit for JSON, but for strong ones.
        chosen_verdicts: The same of names that a plugin may have added.

    Raises:
        ConfigurationError: A pattern cannot match anything.
    """

    __slots__ = (
        "_excluded", "_inclusions", "_matches_wildcard",
        "caught", "chosen_verdicts", "exclusions", "facts", "families", "has_wildcards", "names",
        "patterns", "verdicts",
    )  # fmt: skip

    def __init__(
        self, patterns: Iterable[str], *, setting: str, outer_exclusions: Iterable[str] = ()
    ) -> None:
        normal = [_normal(each) for each in _listed(patterns, setting)]
        exclusions = [pattern[1:] for pattern in normal if pattern.startswith("!")]
        inclusions = [pattern for pattern in normal if not pattern.startswith("!")]
        if exclusions and not inclusions:
            inclusions = ["*"]
        for pattern in inclusions:
            for exclusion in exclusions:
                if _covers(exclusion, pattern):
                    raise ConfigurationError(
                        f"{setting}: {pattern!r} can match nothing, because '!{exclusion}' "
                        "excludes all of it. Remove one of the two",
                        setting=setting,
                    )
        self.patterns = tuple(dict.fromkeys((*inclusions, *(f"!{each}" for each in exclusions))))
        self.exclusions = tuple(dict.fromkeys((*exclusions, *outer_exclusions)))
        self._inclusions = frozenset(inclusions)
        # An exclusion needs no prefix: "!*_secret" excludes "_my_secret", and facts, too.
        self._excluded = _any_of(
            fnmatch.translate(fact_names.literally(each)) for each in self.exclusions
        )
        wildcards = [each for each in inclusions if _is_open(each)]
        self._matches_wildcard = _any_of(
            _guard(each) + fnmatch.translate(fact_names.literally(each)) for each in wildcards
        )
        self.has_wildcards = self._matches_wildcard is not None
        self.names = tuple(
            dict.fromkeys(
                name
                for pattern in inclusions
                for name in _names_of(pattern)
                if not self.excludes(name)
            )
        )
        self.facts = tuple(name for name in self.names if fact_names.is_fact(name))
        self.families = frozenset(filter(None, map(fact_names.family_of, wildcards)))
        self.caught: dict[str, bool] = {}
        self.verdicts = Verdicts()
        self.chosen_verdicts = Verdicts()

    def joined(self, other: Patterns, *, setting: str) -> Patterns:
        """Return the patterns that take what either takes and neither excludes.

        Raises:
            ConfigurationError: One excludes all that a pattern of the other takes.
        """
        return Patterns((*self.patterns, *other.patterns), setting=setting)

    def within(self, outer: Iterable[Patterns]) -> Patterns:
        """Return patterns that take the same, but for what one of the outer patterns excludes.

        They have a memory of their own.
        """
        exclusions = [exclusion for each in outer for exclusion in each.exclusions]
        return Patterns(self.patterns, setting="", outer_exclusions=exclusions)

    def excludes(self, name: str) -> bool:
        """Return whether an exclusion matches `name`."""
        return self._excluded is not None and any(
            self._excluded(spelling) is not None for spelling in fact_names.spellings(name)
        )

    def catches(self, name: str) -> bool:
        """Return whether a pattern with `*` takes `name`, and no exclusion matches it."""
        known = self.caught.get(name)
        if known is None:
            known = (
                self._matches_wildcard is not None
                and self._matches_wildcard(name) is not None
                and not self.excludes(name)
            )
            # A client may invent any number of parameters and headers.
            if not fact_names.is_fact(name):
                if len(self.caught) >= MAX_REMEMBERED:
                    self.caught.clear()
                self.caught[name] = known
        return known

    def choose(self, variables: Mapping[str, object]) -> dict[str, object]:
        """Return the variables that are taken, values as they are.

        Listed names come first, in their order, then the others as on `g`.
        """
        chosen: dict[str, object] = {}
        for name in self.names:
            value = variables.get(name, _MISSING)  # in one step: another thread may remove it
            if value is not _MISSING:
                chosen[name] = value
        if self.has_wildcards:
            # `dict` copies in one step. Another thread may still write to `g`.
            for name, value in dict(variables).items():
                if type(name) is not str:
                    if not issubclass(type(name), str):  # `vars(g)[1] = ...`
                        continue
                    name = str.__str__(name)  # noqa: PLW2901 - the same name, without overrides
                if name not in chosen and self.catches(name):
                    chosen[name] = value
        return chosen

    def names_exactly(self, name: str) -> bool:
        """Return whether `name` is listed as it is."""
        return name in self._inclusions

    def asks_for(self, name: str) -> bool:
        """Return whether `name` is listed, or a plugin added it: not merely matched by a `*`."""
        return (
            name in self._inclusions
            or self._matches_wildcard is None
            or self._matches_wildcard(name) is None
        )


def _listed(patterns: Iterable[str], setting: str) -> list[str]:
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, Iterable):
        raise ConfigurationError(
            f"{setting}: {patterns!r} is not a list of names of variables", setting=setting
        )
    listed = list(listed)
    for pattern in listed:
        if not isinstance(pattern, str) or not _can_match(pattern):
            raise ConfigurationError(
                f"{setting}: {pattern!r} can match no variable {_hint(pattern)}", setting=setting
            )
    return listed


def _can_match(pattern: str) -> bool:
    name = pattern.removeprefix("!")
    if fact_names.is_fact(name):
        return fact_names.can_match(fact_names.normal(name), as_exclusion=name != pattern)
    # Some name of a variable must match: `_` stands for what a `*` matches.
    return name.replace("*", "_").isidentifier()


def _hint(pattern: object) -> str:
    name = pattern.removeprefix("!") if isinstance(pattern, str) else ""
    if fact_names.is_fact(name):
        return f"and no fact about a request. {fact_names.hint(name)}"
    return (
        "of flask.g. Use a name such as 'user_id', a pattern such as 'cart_*', or an exclusion "
        "such as '!cart_secret'"
    )


def _normal(pattern: str) -> str:
    name = pattern.removeprefix("!")
    if fact_names.is_fact(name):
        return pattern.replace(name, fact_names.normal(name))
    # Python does the same with names in a program: "ﬁ" (one letter) is `g.fi` there.
    return unicodedata.normalize("NFKC", pattern)


def _is_open(inclusion: str) -> bool:
    """Return whether an inclusion takes names that are known only when they are seen."""
    return "*" in inclusion and (
        not fact_names.is_fact(inclusion) or bool(fact_names.family_of(inclusion))
    )


def _names_of(inclusion: str) -> tuple[str, ...]:
    """Return the names that an inclusion lists: itself, or the facts that its `*` stands for."""
    if _is_open(inclusion):
        return ()
    return fact_names.single_facts(inclusion) if "*" in inclusion else (inclusion,)


def _guard(pattern: str) -> str:
    """Return what a name must not begin with for a pattern with `*` to take it."""
    if fact_names.is_fact(pattern):
        return ""
    return _NOT_RESERVED if pattern.startswith("_") else "(?!_)" + _NOT_RESERVED


def _covers(exclusion: str, pattern: str) -> bool:
    """Return whether `exclusion` matches every name that `pattern` matches.

    A name contains no `*`. So only a `*` of the exclusion can match one of the pattern, and then
    it matches whatever that stands for.
    """
    return any(
        fnmatch.fnmatchcase(spelling, fact_names.literally(exclusion))
        for spelling in fact_names.spellings(pattern)
    )


def _any_of(expressions: Iterable[str]) -> Callable[[str], object] | None:
    # `fnmatch.translate` also ensures that many `*` in one pattern take no exponential time.
    alternatives = "|".join(expressions)
    return re.compile(alternatives).match if alternatives else None


NOTHING: Final = Patterns((), setting="")

"""What a selection of variables says: names, `*` patterns, `!` exclusions, per HTTP method."""

from __future__ import annotations

import difflib
import fnmatch
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from flask_chest.errors import ConfigurationError

HTTP_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)

MethodPatterns: TypeAlias = Mapping[str, Iterable[str]]


def _covers(exclusion: str, pattern: str) -> bool:
    """Tell whether all that `pattern` takes is excluded by `exclusion`.

    A name contains no `*`, so a `*` in `pattern` can only be matched by one in `exclusion`, which
    then takes whatever it stands for.
    """
    return fnmatch.fnmatchcase(pattern, exclusion)


class Patterns:
    """What one list of names and patterns takes.

    Args:
        patterns: Names of variables, patterns with `*`, and exclusions with a leading `!`.
            Exclusions alone mean everything else. A single string is a list of one.
        setting: Where the list stands, for the error.

    Raises:
        ConfigurationError: A pattern cannot match anything.
    """

    __slots__ = ("_excluded", "_taken", "names", "patterns")

    def __init__(self, patterns: Iterable[str], *, setting: str) -> None:
        listed = _listed(patterns, setting)
        # As Python does with the names in a program: "ﬁ" (one letter) is `g.fi` there.
        normal = [unicodedata.normalize("NFKC", pattern) for pattern in listed]
        exclusions = [pattern[1:] for pattern in normal if pattern.startswith("!")]
        inclusions = [pattern for pattern in normal if not pattern.startswith("!")]
        if exclusions and not inclusions:
            inclusions = ["*"]
        excluded = (f"!{exclusion}" for exclusion in exclusions)
        self.patterns = tuple(dict.fromkeys((*inclusions, *excluded)))
        for pattern in inclusions:
            for exclusion in exclusions:
                if _covers(exclusion, pattern):
                    raise ConfigurationError(
                        f"{setting}: {pattern!r} can match nothing, because '!{exclusion}' "
                        "excludes all of it. Remove one of the two",
                        setting=setting,
                    )
        self.names = tuple(dict.fromkeys(name for name in inclusions if "*" not in name))
        # Like a shell and its dot files, a pattern takes names with a leading underscore only
        # when it has one itself. An exclusion always does: "!*_secret" is meant for "_my_secret".
        self._taken = _any_of(
            ("" if pattern.startswith("_") else "(?!_)") + fnmatch.translate(pattern)
            for pattern in inclusions
            if "*" in pattern
        )
        self._excluded = _any_of(map(fnmatch.translate, exclusions))

    def excludes(self, name: str) -> bool:
        """Tell whether an exclusion takes `name`."""
        return self._excluded is not None and self._excluded(name) is not None

    def takes(self, name: str) -> bool:
        """Tell whether a pattern with `*` takes `name`, exclusions aside."""
        return self._taken is not None and self._taken(name) is not None

    def asks_for(self, name: str) -> bool:
        """Tell whether `name` is listed, or a plugin added it; a `*` did not merely catch it."""
        return name in self.names or not self.takes(name)

    @property
    def has_wildcards(self) -> bool:
        """Whether names that nobody listed can be taken."""
        return self._taken is not None


def _listed(patterns: Iterable[str], setting: str) -> list[str]:
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, Iterable):
        raise ConfigurationError(
            f"{setting}: {patterns!r} is not a list of names of variables", setting=setting
        )
    listed = list(listed)
    for pattern in listed:
        # Whatever a `*` stands for, a name of a variable must be possible.
        if not isinstance(pattern, str) or not (
            pattern.removeprefix("!").replace("*", "_").isidentifier()
        ):
            raise ConfigurationError(
                f"{setting}: {pattern!r} can match no variable of flask.g. Use a name such as "
                "'user_id', a pattern such as 'cart_*', or an exclusion such as '!cart_secret'",
                setting=setting,
            )
    return listed


def _any_of(expressions: Iterable[str]) -> Callable[[str], object] | None:
    # `fnmatch.translate` also sees to it that many `*` in one pattern take no exponential time.
    alternatives = "|".join(expressions)
    return re.compile(alternatives).match if alternatives else None


class Selection:
    """What one `track(...)`, or the setting CHEST_VARIABLES, asks for.

    Args:
        patterns: One list for all HTTP methods, or a mapping of method to list. A method that the
            mapping leaves out records no variables; HEAD follows GET, whose view it runs.
        setting: Where it stands, for errors.

    Raises:
        ConfigurationError: A pattern cannot match, or a method is unknown.
    """

    __slots__ = ("_every", "_methods")

    def __init__(self, patterns: Iterable[str] | MethodPatterns, *, setting: str) -> None:
        self._every: Patterns | None = None
        self._methods: dict[str, Patterns] = {}
        if not isinstance(patterns, Mapping):
            self._every = Patterns(patterns, setting=setting)
            return
        for key, names in patterns.items():
            method = key.upper() if isinstance(key, str) else str(key)
            if method not in HTTP_METHODS:
                near = difflib.get_close_matches(method, HTTP_METHODS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known: {sorted(HTTP_METHODS)}"
                raise ConfigurationError(
                    f"{setting}: {key!r} is not an HTTP method. {hint}", setting=setting
                )
            if method in self._methods:
                raise ConfigurationError(
                    f"{setting}: {method!r} is there twice, in upper and in lower case. "
                    "Make one list of the two",
                    setting=setting,
                )
            self._methods[method] = Patterns(names, setting=f"{setting}[{method!r}]")
        if "GET" in self._methods:
            self._methods.setdefault("HEAD", self._methods["GET"])

    def joined(self, other: Selection, *, setting: str) -> Selection:
        """Return the selection that takes what either takes and neither excludes.

        Raises:
            ConfigurationError: One excludes all that the other includes.
        """
        if self._every and other._every:
            return Selection((*self._every.patterns, *other._every.patterns), setting=setting)
        by_method = {
            method: (*self.patterns(method).patterns, *other.patterns(method).patterns)
            for method in HTTP_METHODS
        }
        return Selection(by_method, setting=setting)

    def patterns(self, method: str) -> Patterns:
        """Return what is taken from a request with the HTTP method `method`."""
        return self._every or self._methods.get(method) or NOTHING


NOTHING: Final = Patterns((), setting="")

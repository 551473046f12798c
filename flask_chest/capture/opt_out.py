"""Requests that ask, by a header or a cookie, not to be recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Request

_ENTRY: Final = re.compile(r"(header|cookie):([!#$%&'*+.^_`|~0-9A-Za-z-]+?)(?:(!?=)(.*))?")
_YES: Final = frozenset(("1", "true", "yes", "on"))


class OptOut:
    """Finds requests that opt out by their headers and cookies.

    Args:
        entries: ``header:DNT`` and ``cookie:no_tracking`` opt out with the value 1, true, yes or
            on; ``cookie:consent=denied`` with that value; ``cookie:consent!=granted`` with any
            other value and without the cookie.

    Raises:
        ConfigurationError: An entry has another form.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._rules = [_rule(entry) for entry in entries]

    def __call__(self, request: Request) -> bool:
        """Return whether a request opts out."""
        return any(rule(request) for rule in self._rules)


def _rule(entry: str) -> Callable[[Request], bool]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ConfigurationError(
            f"CHEST_OPT_OUT: {entry!r} is neither a header nor a cookie. Write 'header:DNT', "
            "'cookie:no_tracking', 'cookie:consent=denied' or 'cookie:consent!=granted'",
            setting="CHEST_OPT_OUT",
        )
    place, name, comparison, value = match.groups()

    def opts_out(request: Request) -> bool:
        given = request.headers.get(name) if place == "header" else request.cookies.get(name)
        if comparison is None:
            return given is not None and given.strip().lower() in _YES
        is_equal = given is not None and given.strip() == value
        return is_equal if comparison == "=" else not is_equal

    return opts_out

"""Who is not to be recorded: requests that opt out, and what runs within `chest.suppress()`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Final

from flask_chest.errors import ConfigurationError
from flask_chest.runtime import flask_proxies

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.request_state import Tracked

_MISSING: Final = object()

_ENTRY: Final = re.compile(r"(header|cookie):([!#$%&'*+.^_`|~0-9A-Za-z-]+?)(?:(!?=)(.*))?")
_YES: Final = frozenset(("1", "true", "yes", "on"))


class OptOut:
    """Tells from its headers and cookies that a request is not to be recorded.

    Args:
        entries: ``header:DNT`` and ``cookie:no_tracking`` opt out with the value 1, true, yes or
            on; ``cookie:consent=denied`` with that value; ``cookie:consent!=granted`` with any
            other and without the cookie.

    Raises:
        ConfigurationError: An entry has another form.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._rules = [_rule(entry) for entry in entries]

    def __call__(self, request: Request) -> bool:
        """Tell whether a request opts out."""
        return any(rule(request) for rule in self._rules)


def _rule(entry: str) -> Callable[[Request], bool]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ConfigurationError(
            f"CHEST_OPT_OUT: {entry!r} is neither a header nor a cookie. Write 'header:DNT', "
            "'cookie:no_tracking', 'cookie:consent=denied' or 'cookie:consent!=granted'",
            setting="CHEST_OPT_OUT",
        )
    place, name, comparison, wanted = match.groups()

    def is_opted_out(request: Request) -> bool:
        given = request.headers.get(name) if place == "header" else request.cookies.get(name)
        if comparison is None:
            return given is not None and given.strip().lower() in _YES
        is_equal = given is not None and given.strip() == wanted
        return is_equal if comparison == "=" else not is_equal

    return is_opted_out


_block: ContextVar[object] = ContextVar("flask_chest_block", default=None)
blocks: Final[set[object]] = set()
"""The blocks of this process that are being executed, in any thread; nearly always none."""


def is_within_block(request: object) -> bool:
    """Tell whether a request began within a block of another one, or of no request."""
    block = _block.get()
    return block is not None and block is not request


@contextmanager
def block(request: object) -> Iterator[None]:
    """Record none of the requests that begin in the `with` block.

    Args:
        request: Whose block it is, and which itself is recorded; any other object for none.
    """
    token, visit = _block.set(request), object()
    blocks.add(visit)
    try:
        yield
    finally:
        blocks.discard(visit)
        _block.reset(token)


class Suppression(AbstractContextManager[None]):
    """What `chest.suppress()` returns: a request without a record, until a block is begun.

    Args:
        tracked: The current request; None outside of one.
    """

    def __init__(self, tracked: Tracked | None) -> None:
        self._tracked = tracked
        if tracked is not None:
            self._was_suppressed = tracked.is_suppressed
            tracked.is_suppressed = True

    def __enter__(self) -> None:
        tracked = self._tracked
        if tracked is not None:
            tracked.is_suppressed = self._was_suppressed
            self._before = dict(vars(flask_proxies.variables()))
        self._block = block(tracked or self)
        self._block.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._block.__exit__(kind, error, trace)
        tracked = self._tracked
        if tracked is None:
            return
        put = {
            name: value
            for name, value in dict(vars(flask_proxies.variables())).items()
            if self._before.get(name, _MISSING) is not value
        }
        tracked.hidden = {**(tracked.hidden or {}), **put}

"""Requests that are excluded by their path or by the status of their response."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask_chest.encode.fact_names import literally
from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Request

_CLASS: Final = re.compile(r"([1-5])xx", re.IGNORECASE)


def paths(patterns: Iterable[str]) -> Callable[[Request], bool]:
    """Return a function that returns whether CHEST_EXCLUDE_PATHS excludes a request.

    Raises:
        ConfigurationError: A pattern can match no path.
    """
    patterns = tuple(patterns)
    for pattern in patterns:
        if not pattern.startswith(("/", "*")) or "?" in pattern or "#" in pattern:
            raise ConfigurationError(
                f"CHEST_EXCLUDE_PATHS: {pattern!r} can match no path. Write a whole path without "
                "its query string, such as '/healthz', or a pattern such as '/static/*'",
                setting="CHEST_EXCLUDE_PATHS",
            )
    matches = re.compile("|".join(fnmatch.translate(literally(each)) for each in patterns)).match
    return lambda request: matches(_path(request)) is not None


def _path(request: Request) -> str:
    """Return the path as the client sent it, decoded: with the mount point of the application."""
    environ = request.environ
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1", "replace").decode("utf-8", "replace") or "/"


def statuses(entries: Iterable[int | str]) -> frozenset[int]:
    """Return the status codes that CHEST_EXCLUDE_STATUS excludes.

    Args:
        entries: A code, as a number or text, or a class of codes, such as `3xx`.

    Raises:
        ConfigurationError: An entry is neither.
    """
    found: set[int] = set()
    for entry in entries:
        text = str(entry)
        if (match := _CLASS.fullmatch(text)) is not None:
            found.update(range(int(match[1]) * 100, int(match[1]) * 100 + 100))
        elif re.fullmatch(r"[1-5][0-9]{2}", text):
            found.add(int(text))
        else:
            raise ConfigurationError(
                f"CHEST_EXCLUDE_STATUS: {entry!r} is no status code. Write a code such as 404, or "
                "a class of codes such as '3xx'",
                setting="CHEST_EXCLUDE_STATUS",
            )
    return frozenset(found)

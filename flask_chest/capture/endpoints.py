"""Settings by endpoint: CHEST_EXCLUDE_ENDPOINTS and CHEST_SAMPLE_RATE, with their patterns."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping

from flask_chest.errors import ConfigurationError


def excluded(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that returns whether CHEST_EXCLUDE_ENDPOINTS excludes an endpoint.

    Raises:
        ConfigurationError: A pattern can match no endpoint.
    """
    matches = [_matcher(pattern, "CHEST_EXCLUDE_ENDPOINTS") for pattern in patterns]
    return lambda endpoint: any(match(endpoint) for match in matches)


def sample_rates(rates: float | Mapping[str, float]) -> Callable[[str | None], float]:
    """Return a function that returns the share of an endpoint's requests that is kept.

    In CHEST_SAMPLE_RATE, an endpoint's own entry takes precedence over a pattern, and a longer
    pattern over a shorter one. `*` matches requests without a route, too.

    Raises:
        ConfigurationError: A pattern can match no endpoint.
    """
    if not isinstance(rates, Mapping):
        return lambda _endpoint: rates
    ordered = sorted(rates, key=lambda pattern: ("*" in pattern, -len(pattern)))
    rules = [(_matcher(pattern, "CHEST_SAMPLE_RATE"), rates[pattern]) for pattern in ordered]
    return lambda endpoint: next((rate for match, rate in rules if match(endpoint or "")), 1.0)


def _matcher(pattern: str, setting: str) -> Callable[[str], object]:
    if not pattern.strip() or pattern.startswith("/"):  # a job may have any other name
        raise ConfigurationError(
            f"{setting}: {pattern!r} can match no endpoint. Use a name such as 'static', or a "
            "pattern such as 'admin.*'",
            setting=setting,
        )
    return re.compile(fnmatch.translate(pattern)).match

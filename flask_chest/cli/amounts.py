"""Numbers, sizes, times and distances as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Final

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def size(number: int) -> str:
    """Return a number of bytes, such as ``1.2 MiB``."""
    value, place = float(number), 0
    while value >= 1_000 and place < len(_UNITS) - 1:
        value, place = value / 1_024, place + 1
    return f"{value:.3g} {_UNITS[place]}"


def records(number: int) -> str:
    """Return a number of records, such as ``1,234 records``."""
    return f"{number:,} record{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """Return a duration, such as ``1 h 12 min`` or ``37 s``."""
    seconds = max(seconds, 0.0)
    if seconds < 60:
        return f"{seconds:.0f} s"
    rest, parts = int(seconds), []
    for step, unit in _STEPS:
        number, rest = divmod(rest, step)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def moment(when: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def since(when: datetime) -> str:
    """Return a moment, and how long ago it was."""
    return f"{moment(when)} ({span(_seconds_until(when) * -1)} ago)"


def until(when: datetime) -> str:
    """Return how long a moment is away."""
    seconds = _seconds_until(when)
    return f"in {span(seconds)}" if seconds > 0 else "now"


def _seconds_until(when: datetime) -> float:
    return (when - datetime.now(timezone.utc)).total_seconds()


def by_reason(counts: Mapping[str, int]) -> str:
    """Return counts by reason, the largest first, or ``none``."""
    found = sorted(((n, reason) for reason, n in counts.items() if n), reverse=True)
    return ", ".join(f"{n:,} {reason}" for n, reason in found) or "none"

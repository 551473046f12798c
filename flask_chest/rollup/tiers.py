"""The tiers: minutes, hours and days in UTC, each the beginning of its bucket in Unix seconds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final, Literal, TypeAlias

Tier: TypeAlias = Literal[60, 300, 3_600, 86_400]
"""Length of a bucket in seconds."""

MINUTE: Final[Tier] = 60
FIVE_MINUTES: Final[Tier] = 300
HOUR: Final[Tier] = 3_600
DAY: Final[Tier] = 86_400

TIERS: Final[tuple[Tier, ...]] = (MINUTE, FIVE_MINUTES, HOUR, DAY)
NAMES: Final[dict[Tier, str]] = {
    MINUTE: "minute",
    FIVE_MINUTES: "five minutes",
    HOUR: "hour",
    DAY: "day",
}
BELOW: Final[dict[Tier, Tier]] = {FIVE_MINUTES: MINUTE, HOUR: MINUTE, DAY: HOUR}
"""The tier whose buckets are merged into those of a tier.

Five minutes are merged into none. They are there to be read, and kept as long as minutes.
"""

EVER: Final = -(10**12)
"""Before every bucket."""

NEVER: Final = 10**12
"""After every bucket."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND: Final = timedelta(seconds=1)


def floor(seconds: int, tier: int) -> int:
    """Return the beginning of the bucket that a moment is in."""
    return seconds - seconds % tier


def ceiling(seconds: int, tier: int) -> int:
    """Return the first beginning of a bucket that is not before a moment."""
    return -floor(-seconds, tier)


def seconds_of(moment: datetime) -> int:
    """Return an aware datetime as whole Unix seconds, rounded down."""
    return (moment - _EPOCH) // _SECOND


def is_whole(moment: datetime, tier: int) -> bool:
    """Return whether a bucket begins at a moment."""
    return (moment - _EPOCH) % timedelta(seconds=tier) == timedelta(0)


def moment_of(seconds: int) -> datetime:
    """Return Unix seconds as an aware datetime; the first or last one that there is, if beyond."""
    first, last = (
        datetime.min.replace(tzinfo=timezone.utc),
        datetime.max.replace(tzinfo=timezone.utc),
    )
    if seconds <= seconds_of(first):
        return first
    return last if seconds > seconds_of(last) else _EPOCH + timedelta(seconds=seconds)

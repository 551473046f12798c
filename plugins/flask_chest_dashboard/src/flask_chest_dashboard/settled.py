"""Where a long range that ends now is to end, so that its answer is cheap.

The rollups have all but the last one or two minutes, which are counted from their records. Where
these are many, each number of a page would take longer than all other minutes together.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest_dashboard.asking import Asker
    from flask_chest_dashboard.choices import Choices
    from flask_chest_dashboard.window import Window

LONG: Final = timedelta(hours=6)
"""A minute or two is less than a bucket of a range as long as this."""

MANY: Final = 600
"""Requests in a minute, from which on the last minutes are left out."""

_MINUTE: Final = timedelta(minutes=1)
_ROLLED_UP: Final = timedelta(seconds=90)
"""A minute that has been over for so long is rolled up: the leader works each minute."""


def settled(asker: Asker, choices: Choices, now: datetime | None = None) -> Window:
    """Return the time range, which ends two minutes ago where it is long and requests are many.

    Args:
        asker: Asks the store.
        choices: What the viewer has chosen.
        now: An aware datetime; None for the present.

    Raises:
        QueryError: The range cannot be read, or is empty.
    """
    now = now or datetime.now(timezone.utc)
    window = choices.window(now)
    if not choices.is_relative or window.length < LONG:
        return window
    end = (now - _ROLLED_UP).replace(second=0, microsecond=0)
    [row] = asker.measure("count", since=end - _MINUTE, until=end)
    return replace(window, until=end) if row["count"] >= MANY else window


def left_out(window: Window, choices: Choices) -> bool:
    """Return whether `settled` has left out the last minutes."""
    return choices.is_relative and window.until < choices.window().until - _MINUTE

"""How long records are kept, as settings have it: ``"90d"``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

from flask_chest.query.times import distance

_FOR_EVER: Final = ("none", "null")
"""How the environment spells None."""

_LEAST: Final = timedelta(seconds=1)
_MOST: Final = timedelta(days=36_500)


def retention(value: object) -> timedelta | None:
    """Return how long records are kept; None for ever.

    Args:
        value: A text such as ``90d``, a `timedelta`, or None or the text ``none`` for ever.

    Raises:
        ValueError: It is none of these, or out of bounds.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _FOR_EVER):
        return None
    found = value if isinstance(value, timedelta) else _parsed(value)
    if not _LEAST <= found <= _MOST:
        raise ValueError("must be from 1s to 36500d")
    return found


def _parsed(value: object) -> timedelta:
    try:
        if isinstance(value, str) and not value.lstrip().startswith("-"):
            return distance(value)
    except ValueError:
        pass
    raise ValueError(
        "is no duration. Write a number and a unit, such as 90d; the units are s, m, h, d and w; "
        "or none, for ever"
    )


Retention = Annotated[timedelta | None, BeforeValidator(retention)]

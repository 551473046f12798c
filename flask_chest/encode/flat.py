"""Lists and dicts of short scalars, as most are: what the value rules make of them, in one look."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, cast

from flask_chest.redaction import MAX_NUMBER, PLAIN, Redactor

VALUE_COST: Final = 8
"""Room that each value takes in a record besides its text: `[[], [], []]` is not free."""

_MAX_ITEMS: Final = 64
_LEAST: Final = -MAX_NUMBER


def flat(value: object, redact: Redactor) -> tuple[list[Any] | dict[str, Any], int] | None:
    """Return a copy of a list or dict that goes into JSON as it is, and the room that it takes.

    None when that cannot be told so quickly.
    """
    kind = type(value)  # copied in one step, as another thread may change it
    if kind is dict:
        pairs = dict(cast("dict[Any, Any]", value))
        for key in pairs:
            if type(key) is not str or not redact.is_harmless(key) or redact.verdict(key) != PLAIN:
                return None
        room = _room(pairs.values(), redact)
        return None if room is None else (pairs, room + sum(map(len, pairs)))
    if kind is list or kind is tuple:
        items = list(cast("list[Any]", value))
        if len(items) == 2 and type(items[0]) is str and redact.verdict(items[0]) != PLAIN:
            return None  # a pair, as headers often are
        room = _room(items, redact)
        return None if room is None else (items, room)
    return None


def _room(items: Collection[Any], redact: Redactor) -> int | None:
    """Return the room of a list of scalars that go into JSON as they are; else None."""
    if len(items) > _MAX_ITEMS:
        return None
    room = VALUE_COST * (len(items) + 1)
    for item in items:
        kind = type(item)
        if kind is str:
            if not redact.is_harmless(item):
                return None
            room += len(item)
        elif not (
            _LEAST < item < MAX_NUMBER  # NaN is not
            if kind is int or kind is float
            else item is None or kind is bool
        ):
            return None
    return room

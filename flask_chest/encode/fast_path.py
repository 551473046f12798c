"""Fast path: values that go into JSON as they are, as most values do."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any, Final, TypeGuard, cast

from flask_chest.encode.limits import MAX_TEXT, VALUE_COST
from flask_chest.redaction import MAX_NUMBER, PLAIN, Redactor

_MAX_ITEMS: Final = 64
MIN_NUMBER: Final = -MAX_NUMBER


def flat_copy(value: object, redact: Redactor) -> tuple[list[Any] | dict[str, Any], int] | None:
    """Return a copy of a flat list or dict that goes into JSON as it is, and its room in a record.

    None means that this is not certain: the value has to be converted.
    """
    kind = type(value)  # copied in one step, as another thread may change it
    if kind is dict:
        pairs = dict(cast("dict[Any, Any]", value))
        if len(pairs) > _MAX_ITEMS or not _are_plain_keys(pairs, redact):
            return None
        room = _room(pairs.values(), redact)
        return None if room is None else (pairs, room + sum(map(len, pairs)))
    if kind is list or kind is tuple:
        items = list(cast("list[Any]", value))
        if (
            len(items) > _MAX_ITEMS
            # a key and its value, as headers often are
            or (len(items) == 2 and type(items[0]) is str and redact.verdict(items[0]) != PLAIN)
        ):
            return None
        room = _room(items, redact)
        return None if room is None else (items, room)
    return None


def _are_plain_keys(keys: Iterable[object], redact: Redactor) -> bool:
    for key in keys:
        if type(key) is not str or not redact.is_harmless(key) or redact.verdict(key) != PLAIN:
            return False
    return True


def _room(items: Collection[Any], redact: Redactor) -> int | None:
    """Return the room of scalars that go into JSON as they are; None when one does not."""
    room = VALUE_COST * (len(items) + 1)
    for item in items:
        kind = type(item)
        if kind is str:
            if not redact.is_harmless(item):
                return None
            room += len(item)
        elif not (
            MIN_NUMBER < item < MAX_NUMBER  # NaN is not
            if kind is int or kind is float
            else item is None or kind is bool
        ):
            return None
    return room


def is_json_scalar(value: object) -> TypeGuard[str | int | float | bool | None]:
    """Return whether `value` is a short scalar that goes into JSON as it is, secrets aside."""
    kind = type(value)  # asked once; mypy does not narrow through it, hence the ignores
    if kind is str:
        # Only ASCII without NUL: a surrogate cannot hide in it, and the test costs nothing.
        return len(value) <= MAX_TEXT and value.isascii() and "\0" not in value  # type: ignore[arg-type,attr-defined,operator]
    if kind is int:
        return -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF  # type: ignore[operator]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    return value is None or kind is bool

"""Fast path: values that go into JSON as they are, as most values do."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeGuard, cast

from flask_chest.encode.limits import MAX_TEXT, VALUE_COST
from flask_chest.encode.pairs import VALUE_NAMES
from flask_chest.redaction import MAX_NUMBER, PLAIN, WEAK, Budget, Redactor

_MAX_ITEMS: Final = 64
_NO_SECRETS: Final = frozenset(map(id, (int, float, bool, type(None))))  # under a weak key
MIN_NUMBER: Final = -MAX_NUMBER


def flat_copy(
    value: object, redact: Redactor, budget: Budget | None = None
) -> tuple[list[Any] | dict[str, Any], int] | None:
    """Return a copy of a flat list or dict that goes into JSON as it is, and its room in a record.

    None means that this is not certain: the value has to be converted.

    Args:
        value: Any value.
        redact: Knows what is secret.
        budget: Pays for texts and keys that have not been seen lately.
    """
    kind = type(value)
    if kind is dict:
        return flat_dict(cast("dict[Any, Any]", value), redact, budget)
    if kind is list or kind is tuple:
        return flat_list(cast("list[Any]", value), redact, budget)
    return None


def flat_dict(
    value: dict[Any, Any], redact: Redactor, budget: Budget | None = None
) -> tuple[dict[str, Any], int] | None:
    """Return the same as `flat_copy`, of a dict."""
    if len(value) > _MAX_ITEMS:
        return None
    pairs = dict(value)  # in one step: another thread may change it
    if (
        len(pairs) > _MAX_ITEMS
        or not _are_plain_pairs(pairs, redact, budget)
        # perhaps of a secret name that stands beside it
        or not VALUE_NAMES.isdisjoint(pairs)
    ):
        return None
    room = _room(pairs.values(), redact, budget)
    return None if room is None else (pairs, room + sum(map(len, pairs)))


def flat_list(
    value: list[Any] | tuple[Any, ...], redact: Redactor, budget: Budget | None = None
) -> tuple[list[Any], int] | None:
    """Return the same as `flat_copy`, of a list or a tuple."""
    if len(value) > _MAX_ITEMS:
        return None
    items = list(value)
    if len(items) > _MAX_ITEMS or (
        # a key and its value, as headers often are, perhaps with a flag
        2 <= len(items) <= 3
        and type(items[0]) is str
        and redact.keys.known.get(items[0]) != PLAIN
        and redact.verdict(items[0]) != PLAIN
    ):
        return None
    room = _room(items, redact, budget)
    return None if room is None else (items, room)


def _are_plain_pairs(pairs: Mapping[Any, object], redact: Redactor, budget: Budget | None) -> bool:
    harmless, known = redact.harmless, redact.keys.known
    for key, value in pairs.items():
        if type(key) is not str:
            return False
        # Without a call for what was seen before, which takes 500 instructions less.
        if key in harmless and known.get(key) == PLAIN:
            continue
        if not redact.is_harmless(key, budget):
            return False
        verdict = redact.verdict(key, budget)
        if verdict != PLAIN and (verdict != WEAK or id(type(value)) not in _NO_SECRETS):
            return False
    return True


def _room(items: Collection[Any], redact: Redactor, budget: Budget | None) -> int | None:
    """Return the room of scalars that go into JSON as they are; None when one does not."""
    room = VALUE_COST * (len(items) + 1)
    harmless = redact.harmless
    for item in items:
        kind = type(item)
        if kind is str:
            if item not in harmless and not redact.is_harmless(item, budget):
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

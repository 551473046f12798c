"""The field `id`: a text in a filter, and a UUID in MongoDB. Both have the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from bson import Binary

if TYPE_CHECKING:
    from flask_chest.query.nodes import Operator

_END: Final = 2**128
_LAST_CHARACTER: Final = "\U0010ffff"


def compared(operator: Operator, text: str) -> dict[str, Any]:
    """Return the filter for records whose ID, as a text, compares so with any text."""
    if operator in ("==", "!="):
        found = one_of([text])
        return found if operator == "==" else {"$nor": [found]}
    number = _first(text, after=operator in ("<=", ">"))
    return _below(number) if operator in ("<", "<=") else _from(number)


def one_of(texts: list[str]) -> dict[str, Any]:
    """Return the filter for records whose ID is one of these texts."""
    return {"_id": {"$in": [_binary(UUID(text)) for text in texts if _is_canonical(text)]}}


def starts_with(text: str) -> dict[str, Any]:
    """Return the filter for records whose ID begins with a text."""
    lower, upper = _first(text), _first(text + _LAST_CHARACTER)
    return {"_id": {**_from(lower)["_id"], **_below(upper)["_id"]}}


def _is_canonical(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _first(text: str, *, after: bool = False) -> int:
    """Return the number of the first UUID that does not come before a text.

    Args:
        text: The text.
        after: Then of the first that comes after it.
    """
    low, high = 0, _END
    while low < high:
        middle = (low + high) // 2
        found = str(UUID(int=middle))
        if found < text or (after and found == text):
            low = middle + 1
        else:
            high = middle
    return low


def _below(number: int) -> dict[str, Any]:
    if number == _END:
        return {"_id": {"$type": "binData"}}
    return {"_id": {"$lt": _binary(UUID(int=number))}}


def _from(number: int) -> dict[str, Any]:
    if number == _END:
        return {"_id": {"$in": []}}
    return {"_id": {"$gte": _binary(UUID(int=number))}}


def _binary(identity: UUID) -> Binary:
    found: Binary = Binary(identity.bytes, 4)
    return found

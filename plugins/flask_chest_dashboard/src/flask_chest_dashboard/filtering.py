"""The filters of a URL: which of them can be read, and all as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask_chest import query
from flask_chest.errors import QueryError

_MOST_FILTERS: Final = 20


@dataclass(frozen=True)
class Wrong:
    """A filter that cannot be read.

    Attributes:
        text: As it was typed.
        message: What is wrong with it, and a mark at the place.
    """

    text: str
    message: str


def readable(given: Sequence[str]) -> tuple[tuple[str, ...], Wrong | None]:
    """Return the filters that can be read together, and the first that cannot."""
    where: list[str] = []
    wrong = None
    for text in given:
        message = _fault([*where, text])
        if message is None:
            where.append(text)
        else:
            wrong = wrong or Wrong(text, message)
    return tuple(where), wrong


def _fault(where: Sequence[str]) -> str | None:
    """Return what is wrong with the last of some filters; None when all can be read together."""
    if len(where) > _MOST_FILTERS:
        return f"there are {_MOST_FILTERS} filters already: remove one"
    try:
        query.parse(where[-1])
        query.parse(as_one(where) or "")  # together they may be too long
    except QueryError as error:
        return str(error)
    return None


def as_one(where: Sequence[str]) -> str | None:
    """Return filters as one, which all hold; None for all records."""
    if len(where) < 2:
        return where[0] if where else None
    return " and ".join(f"({each})" for each in where)

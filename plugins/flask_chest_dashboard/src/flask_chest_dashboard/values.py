"""`Described`: a value of a record or of a group, with the filters that it offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask_chest import query
from flask_chest.errors import QueryError
from flask_chest_dashboard.texts import MOST, in_one_line

_MOST_IN_TITLE: Final = 2_000
_LONG: Final = 200
"""Characters of a text from which on the filter has its beginning alone: it goes into a URL."""

_BEGINNING: Final = 100


@dataclass(frozen=True)
class Described:
    """A value and what can be asked about it.

    Attributes:
        text: As it is shown.
        title: More of it, where `text` is not all.
        filters: Of the value alone, and of all others; of a number, also of what is at least, and
            at most, as large. Of a long text, its beginning is looked for. Empty for a dict, a list
            and a time.
    """

    text: str
    title: str
    filters: Sequence[str]

    @property
    def menu(self) -> str:
        """The filters, one a line, for the script. No filter has a line break."""
        return "\n".join(self.filters)


def described(name: str, found: Any) -> Described:  # noqa: ANN401 - any value of a record
    """Return a value with the filters that it offers.

    Args:
        name: Of the field or the variable, as in a filter.
        found: The value.
    """
    text = in_one_line(found)
    title = ""
    if isinstance(found, float):
        title = repr(found) if repr(found) != text else ""
    elif len(text) >= MOST:
        title = in_one_line(found, _MOST_IN_TITLE)
    return Described(text, title, _filters(name, found))


def _filters(name: str, found: Any) -> Sequence[str]:  # noqa: ANN401 - any value of a record
    if isinstance(found, (dict, list, datetime)):
        return ()
    is_long = isinstance(found, str) and len(found) > _LONG
    asked = found[:_BEGINNING] if is_long else found
    try:
        only, others = query.condition_of(name, asked), query.others_of(name, asked)
    except QueryError:  # a name as long as no filter may be
        return ()
    if only is None or others is None:
        return ()
    if is_long:
        begins = f"startswith({name}, {asked!r})"
        unless_null = others.removeprefix(f"{name} != {asked!r}")
        return begins, f"not {begins}{unless_null}"
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return only, others, f"{name} >= {found!r}", f"{name} <= {found!r}"
    return only, others

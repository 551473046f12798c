"""`Described`: a value of a record or of a group, with the filters that it offers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask_chest import query
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
        filters: Each filter, with what the menu calls it. Empty for a dict, a list and a time.
    """

    text: str
    title: str
    filters: dict[str, str]

    @property
    def menu(self) -> str:
        """The filters as JSON, for the script."""
        return json.dumps(self.filters)


def described(name: str, found: Any) -> Described:  # noqa: ANN401 - any value of a record
    """Return a value with the filters that it offers.

    Args:
        name: Of the field or the variable, as in a filter.
        found: The value.
    """
    text = in_one_line(found)
    is_cut = len(text) >= MOST
    title = in_one_line(found, _MOST_IN_TITLE) if is_cut else ""
    return Described(text, title, _filters(name, found))


def _filters(name: str, found: Any) -> dict[str, str]:  # noqa: ANN401 - any value of a record
    if isinstance(found, (dict, list, datetime)):
        return {}
    if isinstance(found, str) and len(found) > _LONG:
        begins = f"startswith({name}, {found[:_BEGINNING]!r})"
        unless_null = str(query.others_of(name, "")).removeprefix(f"{name} != ''")
        return {
            "Only what begins so": begins,
            "All but what begins so": f"not {begins}{unless_null}",
        }
    only, others = query.condition_of(name, found), query.others_of(name, found)
    if only is None or others is None:
        return {}
    filters = {"Only this": only, "All but this": others}
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        filters |= {"At least this": f"{name} >= {found!r}", "At most this": f"{name} <= {found!r}"}
    return filters

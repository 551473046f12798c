"""Variables by their names, as a setting has them."""

from __future__ import annotations

from collections.abc import Iterable

from flask_chest.errors import QueryError
from flask_chest.query.arguments import name
from flask_chest.query.nodes import Field


def variable_paths(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the path of each variable that is named, once each.

    Args:
        texts: As filters name them: ``user_id``, ``user.plan``, ``app.release``,
            ``variables['odd name']``.

    Raises:
        QueryError: One is no name, or that of a field.
    """
    found: dict[tuple[str, ...], None] = {}
    for text in texts:
        operand = name(text)
        if isinstance(operand, Field):
            raise QueryError(
                f"{text!r} is a field of the record. For a variable of that name: "
                f"variables[{text!r}]"
            )
        found[operand.path] = None
    return list(found)

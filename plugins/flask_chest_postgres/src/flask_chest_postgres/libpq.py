"""What libpq itself says about URLs and parameters. Imports the driver."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import psycopg
from flask_chest_sql.config import NOT_A_URL
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def read(url: str, fields: Collection[str]) -> dict[str, Any]:
    """Return the parameters for which a URL stands; it may have several hosts, or none.

    Args:
        url: As libpq has it, ``postgresql://…``.
        fields: What else may stand in its query, for the message.

    Raises:
        ValueError: It cannot be read. The message does not repeat it.
    """
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error as error:
        unknown = re.search(r'invalid URI query parameter: "([^"]*)"', str(error))
        if unknown is None:
            raise ValueError(NOT_A_URL) from None
        raise ValueError(
            f"has the parameter {unknown[1]!r}, which is neither one of libpq's nor a field: "
            f"{sorted(fields)}"
        ) from None


def is_parameter(name: str) -> bool:
    """Tell whether libpq has a parameter of this name."""
    try:
        make_conninfo(**{name: ""})
    except psycopg.Error:
        return False
    return True


def defaults() -> dict[str, str]:
    """Return what it takes from its environment variables, or as it was built, by parameter."""
    return {
        option.keyword.decode(): (option.val or b"").decode(errors="replace")
        for option in pq.Conninfo.get_defaults()
    }

"""Reads plain URLs as libpq does, without importing the driver for it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

PARAMETERS: Final = frozenset({
    "application_name",
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "options",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
})  # fmt: skip
"""Parameters of every libpq that psycopg 3 works with. There are more."""

_CHARACTER: Final = r"[\w.~!$*+,;()'-]|%(?!00)[0-9A-Fa-f]{2}"
_TEXT: Final = f"(?:{_CHARACTER})+"
_URL: Final = re.compile(
    rf"""postgresql://
    (?:(?P<user>{_TEXT})(?::(?P<password>{_TEXT}))?@)?
    (?P<host>[A-Za-z0-9._-]+)
    (?::(?P<port>[0-9]+))?
    (?:/(?P<dbname>{_TEXT})?)?
    (?:\?(?P<query>.*))?""",
    re.ASCII | re.VERBOSE,
)
_PARAMETER: Final = re.compile(f"([a-z_]+)=((?:/|{_CHARACTER})+)", re.ASCII)


def read(url: str) -> dict[str, str] | None:
    """Return the parameters for which a URL stands; None when libpq has to be asked."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    found = {name: value for name, value in match.groupdict().items() if value}
    for piece in filter(None, found.pop("query", "").split("&")):
        parameter = _PARAMETER.fullmatch(piece)
        if parameter is None or parameter[1] not in PARAMETERS or parameter[1] in found:
            return None
        found[parameter[1]] = parameter[2]
    try:
        return {name: unquote(value, errors="strict") for name, value in found.items()}
    except UnicodeDecodeError:
        return None

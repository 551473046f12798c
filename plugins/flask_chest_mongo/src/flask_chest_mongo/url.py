"""How a URL of MongoDB becomes the fields of a configuration."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import ModuleType
from typing import Any, Final, NoReturn
from urllib.parse import unquote_plus

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from flask_chest.server_config import NOT_A_URL, meant, plain_url, refuse_unencoded, take_query

_MAX_DATABASE_BYTES: Final = 63

_SECONDS: Final = {
    "connecttimeoutms": "connect_timeout_seconds",
    "serverselectiontimeoutms": "connect_timeout_seconds",
    "sockettimeoutms": "timeout_seconds",
    "timeoutms": "timeout_seconds",
    "wtimeout": "timeout_seconds",
    "wtimeoutms": "timeout_seconds",
}
"""Options of MongoDB's URLs in milliseconds, and the field that takes their place."""

_FIELDS: Final = {
    "authmechanism": "auth_mechanism",
    "authsource": "auth_source",
    "directconnection": "direct_connection",
    "maxpoolsize": "pool_size",
    "replicaset": "replica_set",
    "ssl": "tls",
    "tls": "tls",
    "tlscafile": "tls_ca_file",
    "tlscertificatekeyfile": "tls_certificate_key_file",
    "tlscertificatekeyfilepassword": "tls_certificate_key_file_password",
}
"""Other options that are fields."""

_WRITE_CONCERN: Final = {"w": "majority", "j": "true", "journal": "true"}
"""Options of the write concern, with the only value that is accepted."""

PLAIN_OPTIONS: Final = ("", "retrywrites=true")
"""Other options, in lower case, that PyMongo certainly accepts: Atlas's URLs have the second."""


def driver() -> ModuleType:
    """Return the module that asks PyMongo. It imports the driver, which few entries need here."""
    from flask_chest_mongo import connection  # noqa: PLC0415 - takes 76 ms of CPU

    return connection


def fields_of_url(url: str, query: str) -> dict[str, Any]:
    """Return the fields that a URL stands for.

    Args:
        url: Without its query.
        query: Its query, which must not be the end of a password that has a question mark.

    Raises:
        ValidationError: It cannot be read.
    """
    scheme, _, rest = url.partition("://")
    is_srv = scheme.lower() == "mongodb+srv"
    if not is_srv and scheme.lower() != "mongodb":
        refuse("url", NOT_A_URL)
    try:
        refuse_unencoded(url, ())
    except ValueError:
        refuse("url", NOT_A_URL)
    if "@" in query and "properties" not in query.lower():
        refuse("url", NOT_A_URL)
    url = f"mongodb://{rest}"  # for a mongodb+srv:// URL, PyMongo would ask the DNS at once
    try:
        found: dict[str, Any] = plain_url(url) or driver().read_url(url)
    except ValueError:
        refuse("url", NOT_A_URL)
    if "database" in found and not is_database(found["database"]):
        refuse("url", NOT_A_URL)
    return {"srv": is_srv, **found}


def fields_of_query(query: str, names: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return the options of a query that are fields, and the others as a query.

    Args:
        query: As in a URL, behind the question mark.
        names: Fields that it may have under their own names.

    Raises:
        ValidationError: PyMongo does not know an option, or its value is wrong.
    """
    taken, pieces = take_query(query, names)
    found: dict[str, Any] = dict(taken)
    left = []
    for piece in pieces:
        name, _, value = piece.partition("=")
        option = name.lower()
        if option in _FIELDS:
            found[_FIELDS[option]] = unquote_plus(value)
        elif option in _SECONDS:
            if not re.fullmatch(r"\d{1,9}", value):
                refuse("options", f"{name} is no number of milliseconds")
            found[_SECONDS[option]] = int(value) / 1000
        elif option in _WRITE_CONCERN:
            if value.lower() != _WRITE_CONCERN[option]:
                refuse(
                    "options",
                    f"{name}: a batch is always written with w=majority and journal=true. "
                    "Leave it out",
                )
        else:
            if piece.lower() not in PLAIN_OPTIONS:
                _check_option(name, piece, names)
            left.append(piece)
    return found, "&".join(left)


def _check_option(name: str, piece: str, names: Collection[str]) -> None:
    try:
        driver().check_option(piece)
    except ValueError as error:
        if "properties" in name.lower():  # one of them may be the token of a session
            refuse("options", f"{name}: PyMongo does not accept its value")
        near = meant([name], names) if "_" in name else ""  # as no option of MongoDB has
        refuse("options", f"{name}: no such option. {near}" if near else f"{name}: {error}")


def is_database(name: str) -> bool:
    """Return whether MongoDB, on any system, allows a database of this name."""
    return 0 < len(name.encode()) <= _MAX_DATABASE_BYTES and not set(name) & set('/\\. "$*<>:|?\0')


def refuse(field: str, reason: str) -> NoReturn:
    """Let the validation of the model fail.

    Unlike a `ValueError`, this does not carry the whole input of the model, which has a password.

    Raises:
        ValidationError: Always.
    """
    fault = PydanticCustomError("mongo", "{reason}", {"reason": reason})
    raise ValidationError.from_exception_data(
        "MongoConfig", [{"type": fault, "loc": (field,), "input": "***"}]
    )

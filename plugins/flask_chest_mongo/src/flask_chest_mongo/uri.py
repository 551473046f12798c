"""Takes MongoDB's URLs apart, without a word about their secrets when they are wrong."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import ModuleType
from typing import Any, Final, NoReturn
from urllib.parse import unquote_plus

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from flask_chest_mongo import plain

_MAX_DATABASE_BYTES: Final = 63

_SECONDS: Final = {
    "connecttimeoutms": "connect_timeout_seconds",
    "serverselectiontimeoutms": "connect_timeout_seconds",
    "sockettimeoutms": "timeout_seconds",
    "timeoutms": "timeout_seconds",
    "wtimeout": "timeout_seconds",
    "wtimeoutms": "timeout_seconds",
}
"""Options in milliseconds, and the field that takes their place."""

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
"""Options that say how safely to write, and the one value that they may have."""

_NOT_A_URL: Final = (
    "cannot be read. It is mongodb://user:password@host:27017/database; in user and password, "
    "characters such as @ : / ? # [ ] % are percent-encoded (urllib.parse.quote_plus)"
)


def driver() -> ModuleType:
    """Return the module that asks PyMongo, for what is not plain."""
    from flask_chest_mongo import driver  # noqa: PLC0415 - the driver; few entries need it here

    return driver


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


def is_database(name: str) -> bool:
    """Tell whether MongoDB, on any system, allows a database of this name."""
    return 0 < len(name.encode()) <= _MAX_DATABASE_BYTES and not set(name) & set('/\\. "$*<>:|?\0')


def fields_of_url(url: str) -> tuple[dict[str, Any], str]:
    """Return the fields that a URL stands for, and its query.

    Raises:
        ValidationError: It cannot be parsed.
    """
    match = re.fullmatch(r"(?i:mongodb(\+srv)?)://([^/?]*)(?:/([^?]*))?(?:\?(.*))?", url, re.DOTALL)
    if match is None:
        refuse("url", _NOT_A_URL)
    srv, authority, database, query = match.groups("")
    userinfo, at, hosts = authority.rpartition("@")
    found: dict[str, Any] = {"srv": bool(srv), "host": hosts}
    try:
        nodes = plain.hosts(hosts) or driver().hosts(hosts)
        if len(nodes) == 1 and nodes[0][1] is not None:
            found["host"], found["port"] = nodes[0]
        if at:
            found["user"], password = plain.userinfo(userinfo) or driver().userinfo(userinfo)
            if password:
                found["password"] = password
    except ValueError:
        refuse("url", _NOT_A_URL)
    if database:
        found["database"] = unquote_plus(database)
        if not is_database(found["database"]):
            refuse("url", _NOT_A_URL)
    if "@" in query and "properties" not in query.lower():  # the end of a password with a '?'
        refuse("url", _NOT_A_URL)
    return found, query


def fields_of_query(query: str, names: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return those of a query's options that are fields, and the others as a query.

    Args:
        query: As in a URL, behind the question mark.
        names: Fields that it may have under their own names.

    Raises:
        ValidationError: PyMongo does not know an option, or its value is wrong.
    """
    found: dict[str, Any] = {}
    left = []
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        option = name.lower()
        if name in names:
            found[name] = unquote_plus(value)
        elif option in _FIELDS:
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
            if not plain.is_option(piece):
                _check(name, piece)
            left.append(piece)
    return found, "&".join(left)


def _check(name: str, piece: str) -> None:
    try:
        driver().check_option(piece)
    except ValueError as error:
        if "properties" in name.lower():  # of which one may be a session's token
            refuse("options", f"{name}: PyMongo does not accept its value")
        refuse("options", f"{name}: {error}")

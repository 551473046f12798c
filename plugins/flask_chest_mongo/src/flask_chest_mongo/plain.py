"""Knows what PyMongo accepts when it is plain, without importing the driver for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from flask_chest_mongo.config import MongoConfig

_HOST: Final = re.compile(r"([a-z0-9._-]+)(?::([0-9]{1,5}))?")
_USERINFO: Final = re.compile(
    r"((?:[\w.~!$*;()'-]|%[0-9A-Fa-f]{2})+):((?:[\w.~!$*;()'-]|%[0-9A-Fa-f]{2})+)", re.ASCII
)
_OPTION: Final = re.compile(r"(?i:retryWrites|retryReads)=(?:true|false)")


def is_option(piece: str) -> bool:
    """Tell whether an option of a URL's query is one that PyMongo takes beside all others."""
    return _OPTION.fullmatch(piece) is not None


def hosts(text: str) -> list[tuple[str, int | None]] | None:
    """Return names and ports of hosts; None when PyMongo has to be asked."""
    found = []
    for piece in text.split(","):
        match = _HOST.fullmatch(piece)
        if match is None:
            return None
        port = None if match[2] is None else int(match[2])
        if port is not None and not 0 < port < 65_536:
            return None
        found.append((match[1], port))
    return found


def userinfo(text: str) -> tuple[str, str] | None:
    """Return user and password; None when PyMongo has to be asked."""
    match = _USERINFO.fullmatch(text)
    return None if match is None else (unquote_plus(match[1]), unquote_plus(match[2]))


def fits_together(config: MongoConfig) -> bool:
    """Tell whether a configuration has nothing that PyMongo could refuse beside the rest of it."""
    options = config.options.get_secret_value()
    names = [piece.partition("=")[0].lower() for piece in options.split("&") if piece]
    return (
        hosts(config.host) is not None
        and all(map(is_option, filter(None, options.split("&"))))
        and len(set(names)) == len(names)
        and bool(config.user) == bool(config.password)
        and (config.auth_source is None or bool(config.user and config.auth_source))
        and config.replica_set != ""
        and config.auth_mechanism is None
        and config.direct_connection is None
        and not config.tls_certificate_key_file
        and not config.tls_certificate_key_file_password
        and not config.tls_ca_file
    )

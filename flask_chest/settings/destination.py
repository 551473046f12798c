"""Where an exporter delivers, as a text that tells one destination from another."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask_chest.settings.masking import is_secret_name

if TYPE_CHECKING:
    from flask_chest.exporter import Exporter

_PLACES: Final = (
    *("url", "host", "hostaddr", "port", "unix_socket", "service", "database", "dbname", "path"),
    *("table_schema", "table_prefix", "collection_prefix", "bucket", "prefix", "endpoint"),
)
"""Fields that say where records go. All others, such as timeouts and users, may change."""

_NO_PLACE: Final = frozenset({"user", "username"})

# A password may hold unescaped `/`, `@` and `:`.
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:.*@)?([^/?#]*)(.*)", re.DOTALL)


def destination(exporter: Exporter) -> str:
    """Return where an exporter delivers. Two with the same text deliver to the same place.

    It has no password, and what follows the host in a URL only as a digest.
    """
    config = exporter.config
    fields = {name: getattr(config, name) for name in type(config).model_fields}
    parameters = fields.get("parameters")
    if isinstance(parameters, Mapping):  # of libpq
        fields = {**parameters, **fields}
    places = {name: fields[name] for name in _PLACES if fields.get(name) is not None}
    if not places.keys() - {"port", "prefix"}:  # a plugin with names of its own
        places = {name: value for name, value in fields.items() if _may_be_place(name, value)}
    told = [f"{name}={_text(value)}" for name, value in places.items()]
    return " ".join((exporter.type, *told))


def _may_be_place(name: str, value: object) -> bool:
    """Return whether a field may say where records go: a text or a path, and no secret."""
    if value is None or isinstance(value, (bool, int, float)):
        return False
    return not (is_secret_name(name) or name in _NO_PLACE or hasattr(value, "get_secret_value"))


def _text(value: object) -> str:
    if isinstance(value, Path):
        return os.path.realpath(value)  # a release may be reached by a link
    reveal = getattr(value, "get_secret_value", None)
    text = str(value if reveal is None else reveal())
    url = _URL.fullmatch(text)
    if url is None:
        return text if reveal is None else _digest(text)
    scheme, host, rest = url.groups()
    return f"{scheme}{host}/{_digest(rest) if rest.strip('/') else ''}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]

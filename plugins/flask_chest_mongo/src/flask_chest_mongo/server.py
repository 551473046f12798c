"""What the server has to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask_chest_mongo.errors import read_only, too_old

if TYPE_CHECKING:
    from pymongo import MongoClient

_MIN_WIRE_VERSION: Final = 13
"""Of MongoDB 5.0, the first in which names may have dots and dollars."""


def refuse_server(client: MongoClient[dict[str, Any]], location: str) -> Mapping[str, Any]:
    """Return what a server says of itself.

    Raises:
        ConfigurationError: It is too old, or read-only.
    """
    hello = client.admin.command("hello")
    if hello["maxWireVersion"] < _MIN_WIRE_VERSION:
        raise too_old(location)
    if not hello["isWritablePrimary"]:
        raise read_only(location)
    return hello

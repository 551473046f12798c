"""What PyMongo itself says about URLs and options. Imports the driver."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_userinfo, split_hosts, split_options

if TYPE_CHECKING:
    from flask_chest_mongo.config import MongoConfig


def hosts(text: str, default_port: int | None = None) -> list[tuple[str, int | None]]:
    """Return names and ports of hosts.

    Raises:
        ValueError: There is one that is none.
    """
    try:
        return split_hosts(text, default_port=default_port)
    except PyMongoError as error:
        raise ValueError(str(error)) from None


def userinfo(text: str) -> tuple[str, str]:
    """Return user and password.

    Raises:
        ValueError: They cannot be told apart.
    """
    try:
        return parse_userinfo(text)
    except PyMongoError as error:
        raise ValueError(str(error)) from None


def check_option(piece: str) -> None:
    """Look at one option of a URL's query.

    Raises:
        ValueError: PyMongo does not know it, or does not accept its value.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of what is deprecated, given twice or not installed
        try:
            split_options(piece, validate=True, warn=False)
        except (PyMongoError, ValueError, TypeError, Warning) as error:
            raise ValueError(str(error)) from None


def check_together(config: MongoConfig) -> None:
    """Look whether options contradict each other. It connects nothing, and asks no DNS.

    Raises:
        ValueError: PyMongo does not take them together.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            client(config, "mongodb").close()
        except (PyMongoError, ValueError, TypeError, OSError, Warning) as error:
            raise ValueError(str(error)) from None


def client(config: MongoConfig, scheme: str) -> MongoClient[dict[str, Any]]:
    """Return a client that connects when it is first used.

    Raises:
        PyMongoError: A name cannot be looked up.
    """
    where, arguments = config.arguments(scheme)
    return MongoClient(where, connect=False, **arguments)

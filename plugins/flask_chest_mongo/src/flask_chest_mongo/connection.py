"""How PyMongo connects, and what it says about URLs and options."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri, split_hosts, split_options


def read_url(url: str) -> dict[str, Any]:
    """Return the fields of a URL: host, port, database, user, password.

    Args:
        url: A ``mongodb://`` URL without its query. Several hosts stay together, as they are given.

    Raises:
        ValueError: PyMongo cannot read it, or it names a collection.
    """
    with _value_errors():
        read = parse_uri(url, default_port=None)
    if read["collection"]:
        raise ValueError("names a collection")
    found = {
        "host": url.partition("://")[2].partition("/")[0].rpartition("@")[2],
        "port": None,
        "database": read["database"],
        "user": read["username"],
        "password": read["password"],
    }
    if len(read["nodelist"]) == 1 and read["nodelist"][0][1] is not None:
        found["host"], found["port"] = read["nodelist"][0]
    return {name: value for name, value in found.items() if value}


def hosts(text: str, default_port: int) -> list[tuple[str, int | None]]:
    """Return names and ports of hosts; a socket has no port.

    Raises:
        ValueError: PyMongo cannot read one of them.
    """
    with _value_errors():
        return split_hosts(text, default_port=default_port)


def check_option(piece: str) -> None:
    """Check one option of a URL's query.

    Raises:
        ValueError: PyMongo does not know it, or refuses its value.
    """
    with _value_errors():
        split_options(piece, validate=True, warn=False)


def check_arguments(url: str, arguments: Mapping[str, Any]) -> None:
    """Check that options do not contradict each other, without a connection and without DNS.

    Args:
        url: A ``mongodb://`` URL.
        arguments: Further arguments of `MongoClient`.

    Raises:
        ValueError: PyMongo refuses them together.
    """
    with _value_errors():
        make_client(url, arguments).close()


def make_client(url: str, arguments: Mapping[str, Any]) -> MongoClient[dict[str, Any]]:
    """Return a client that connects when it is first used.

    Raises:
        PyMongoError: A name cannot be looked up.
    """
    return MongoClient(url, connect=False, **arguments)


@contextmanager
def _value_errors() -> Iterator[None]:
    """Raise all that PyMongo complains about as a `ValueError`, which does not carry a secret."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an option is deprecated, given twice or not supported
        try:
            yield
        except (PyMongoError, ValueError, TypeError, OSError, Warning) as error:
            raise ValueError(str(error)) from None

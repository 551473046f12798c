"""What the configurations of stores on a database server share: fields, prefix, URL."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote, unquote_plus, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

MAX_PREFIX_BYTES: Final = 30
"""Of the prefix of names, so that the longest name fits every server."""

NOT_A_URL: Final = (
    "cannot be read. A URL is scheme://user:password@host:port/database. Where a user, password or "
    "name has a space or one of @ : / ? # [ ] % &, percent-encode it "
    "(urllib.parse.quote(password, safe=''))"
)
"""Says what a URL looks like, without the one that was given: it may have a password."""


class ServerConfig(BaseModel):
    """Where the server is, who signs in, and how long to wait."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str | None = Field(default=None, description="Host name or address of the server")
    port: int | None = Field(default=None, ge=1, le=65_535, description="TCP port of the server")
    database: str | None = Field(default=None, description="Name of the database, which exists")
    user: str | None = Field(default=None, description="Name of the user who signs in")
    password: SecretStr | None = Field(default=None, description="Never shown")
    connect_timeout_seconds: float = Field(
        default=10.0, ge=1.0, le=300.0, description="Seconds to wait for a connection"
    )
    timeout_seconds: float = Field(
        default=30.0, ge=1.0, le=3_600.0, description="Seconds to wait for one statement's answer"
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Most connections of the read side in one process; delivery needs one more, "
        "in one process of each host",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own signature
        return cls.read_url(dict(given)) if isinstance(given, dict) else given

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str | None) -> str | None:
        for each in (host or "").split(","):
            is_socket = each.startswith(("/", "@", "%2F"))
            if not is_socket and (set(each) & set("@/?#") or _UNPRINTABLE.search(each.strip())):
                raise ValueError("is no host name. A whole URL is given as `url`")
        return host

    @classmethod
    def read_url(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of the model, with those that a `url` among the given ones stands for.

        Args:
            fields: As they were given, in a dict that may be changed. They take precedence over
                the URL.

        Raises:
            ValueError: The URL cannot be read. The message does not repeat it.
        """
        return fields


def check_prefix(prefix: str) -> str:
    """Return the prefix of names when every server allows it.

    Raises:
        ValueError: It is too long, or cannot be printed.
    """
    if len(prefix.encode()) > MAX_PREFIX_BYTES:
        raise ValueError(f"is longer than {MAX_PREFIX_BYTES} bytes")
    if not prefix.isprintable():
        raise ValueError("has characters that cannot be printed")
    return prefix


# -- URLs ----------------------------------------------------------------------------------------


_AFTER_HOST: Final = re.compile(r"[/?#]")
_UNPRINTABLE: Final = re.compile(r"[\s\x00-\x20\x7f]")
_HOST_AND_PORT: Final = r"(?:\[[^]]*\]|[^:@\[\]]*)(?::\d{0,5})?"
_HOSTS_AND_PORTS: Final = re.compile(f"{_HOST_AND_PORT}(?:,{_HOST_AND_PORT})*")


def refuse_split_password(url: str) -> None:
    """Refuse a URL whose host may be a part of its password, which DNS and the log would see.

    A password with an unencoded ``@``, ``/``, ``?`` or ``#`` ends too early.

    Args:
        url: Of any kind. One without a host, such as that of a file, is never refused.

    Raises:
        ValueError: It may. The message does not repeat it.
    """
    authority, tail = _split(url)
    if (
        authority.count("@") > 1
        or (authority and _UNPRINTABLE.search(authority))
        or ("@" in tail and not _HOSTS_AND_PORTS.fullmatch(authority.rpartition("@")[2]))
    ):
        raise ValueError(NOT_A_URL)


def refuse_unencoded(url: str, names: Collection[str]) -> None:
    """Refuse the URL of a database server that has a special character where it means another.

    Args:
        url: As it was given.
        names: Parameters of the query that may have an unencoded ``@`` in their value.

    Raises:
        ValueError: It has one. The message does not repeat it.
    """
    refuse_split_password(url)
    _, tail = _split(url)
    path, _, query = tail.partition("?")
    pieces = [piece.partition("=") for piece in query.split("&")] if "@" in query else []
    if (
        "@" in path
        or "#" in tail
        or _UNPRINTABLE.search(url)
        or any(name not in names or not equals for name, equals, _ in pieces)
    ):
        raise ValueError(NOT_A_URL)


def _split(url: str) -> tuple[str, str]:
    """Return what a URL has between the slashes and the path, and the rest."""
    rest = url.partition("://")[2]
    end = _AFTER_HOST.search(rest)
    return (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])


def take_query(query: str, names: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Split a URL's query into the fields of a model and all else.

    Args:
        query: What stands after the question mark.
        names: Names of the fields.

    Returns:
        The values of the fields, decoded, and the other pieces as they were given.

    Raises:
        ValueError: A piece has no value. The message does not repeat it: it may be the end of a
            password with an unencoded ``&``.
    """
    taken, left = {}, []
    for piece in filter(None, query.split("&")):
        name, equals, value = piece.partition("=")
        if not equals:
            raise ValueError(NOT_A_URL)
        if name in names:
            taken[name] = unquote_plus(value)
        else:
            left.append(piece)
    return taken, left


def no_such_parameters(unknown: Collection[str], names: Collection[str]) -> str:
    """Return what is wrong with parameters of a URL that are no fields, and what may be meant.

    Args:
        unknown: The parameters, as they were given: percent-encoded.
        names: Names of the fields that may stand in the query.
    """
    given = sorted(map(unquote_plus, unknown))
    hints = [meant(given, names)]
    if not all(meant([each], names) for each in given):
        hints.append(f"Known: {sorted(names)}")
    return f"has parameters that are no fields: {', '.join(given)}. {' '.join(filter(None, hints))}"


def meant(unknown: Collection[str], names: Collection[str]) -> str:
    """Return a question that names what may be meant by unknown names; empty where none is near."""
    near = [difflib.get_close_matches(each, sorted(names), n=1) for each in unknown]
    found = " and ".join(repr(each[0]) for each in near if each)
    return f"Did you mean {found}?" if found else ""


def fields_of_url(url: str, names: Collection[str]) -> dict[str, Any]:
    """Return the fields that a URL stands for: host, port, database, user, password, its query.

    For servers whose driver reads no URLs.

    Args:
        url: As RFC 3986 defines it.
        names: Names of the fields that may stand in its query.

    Raises:
        ValueError: It cannot be parsed, or has a parameter that is no field.
    """
    refuse_unencoded(url, names)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(NOT_A_URL) from None
    taken, left = take_query(parts.query, names)
    if left:
        unknown = [piece.partition("=")[0] for piece in left]
        raise ValueError(no_such_parameters(unknown, names))
    if parts.fragment or not parts.scheme:
        raise ValueError(NOT_A_URL)
    found = {
        "host": parts.hostname,
        "port": port,
        "database": unquote(parts.path.removeprefix("/")) or None,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password is not None else None,
    }
    return {**{name: value for name, value in found.items() if value is not None}, **taken}


_HOSTS: Final = r"[a-z0-9._-]+(?::[0-9]{1,5})?(?:,[a-z0-9._-]+(?::[0-9]{1,5})?)*"
_PLAIN_HOSTS: Final = re.compile(_HOSTS)
_PLAIN_TEXT: Final = re.compile(r"(?:[\w.~!$*;/()'-]|%(?!00)[0-9A-Fa-f]{2})+", re.ASCII)
_PLAIN_URL: Final = re.compile(
    rf"""[a-z+]+://
    (?:(?P<user>[^:@/]+)(?::(?P<password>[^:@/]+))?@)?
    (?P<host>{_HOSTS})
    (?:/(?P<database>[^/]+)?)?""",
    re.VERBOSE,
)


def plain_url(url: str) -> dict[str, str] | None:
    """Fast path: return the fields of a URL that every driver reads alike, without a driver.

    The grammar of a driver's URLs stands in the driver alone. This is for the form
    ``scheme://user:password@host:port/database`` with few special characters, for which the
    driver need not be imported.

    Args:
        url: Without its query.

    Returns:
        Those of the fields host, port, database, user and password that it has; several hosts
        stay together, with their ports. None when the driver has to read it.
    """
    match = _PLAIN_URL.fullmatch(url)
    if match is None or not is_plain_hosts(match["host"]):
        return None
    found = {"host": match["host"]}
    if "," not in match["host"]:
        host, _, port = match["host"].partition(":")
        found = {"host": host, "port": port} if port else {"host": host}
    for name in ("database", "user", "password"):
        if match[name]:
            text = plain_text(match[name])
            if text is None:
                return None
            found[name] = text
    return found


def is_plain_hosts(text: str) -> bool:
    """Fast path: True when every driver takes a text for a host, or several, with ports."""
    return _PLAIN_HOSTS.fullmatch(text) is not None and all(
        0 < int(port) < 65_536 for port in re.findall(r":([0-9]+)", text)
    )


def plain_text(text: str) -> str | None:
    """Fast path: return a text of a URL decoded, None unless every driver decodes it alike."""
    if _PLAIN_TEXT.fullmatch(text) is None:
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None

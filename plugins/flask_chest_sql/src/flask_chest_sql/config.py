"""The configuration that the stores on a database server share. Imports no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from flask_chest_sql.names import PREFIX

_MAX_PREFIX_BYTES: Final = 30


class ServerConfig(BaseModel):
    """The fields that all SQL servers have."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str | None = Field(default=None, description="Host name or address of the server")
    port: int | None = Field(default=None, ge=1, le=65_535, description="TCP port of the server")
    database: str | None = Field(default=None, description="Name of the database, which exists")
    user: str | None = Field(default=None, description="Who signs in")
    password: SecretStr | None = Field(default=None, description="Shown nowhere")
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
    table_prefix: str = Field(
        default=PREFIX,
        min_length=1,
        description="What the names of the tables, the view and the indexes begin with; at most "
        f"{_MAX_PREFIX_BYTES} bytes",
    )

    @field_validator("table_prefix")
    @classmethod
    def _fits(cls, prefix: str) -> str:
        if len(prefix.encode()) > _MAX_PREFIX_BYTES:
            raise ValueError(f"is longer than {_MAX_PREFIX_BYTES} bytes")
        if not prefix.isprintable():
            raise ValueError("has characters that cannot be printed")
        return prefix


def take_query(url: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Take those parameters out of a URL's query that are fields of a model.

    Args:
        url: With or without a query.
        fields: What is taken, by name.

    Returns:
        The URL without them, and what was taken.

    Raises:
        ValueError: It cannot be parsed. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(NOT_A_URL) from None
    taken, left = {}, []
    for piece in filter(None, parts.query.split("&")):
        [(name, value)] = parse_qsl(piece, keep_blank_values=True) or [(piece, "")]
        if name in fields:
            taken[name] = value
        else:
            left.append(piece)
    return urlunsplit(parts._replace(query="&".join(left))), taken


NOT_A_URL: Final = (
    "cannot be read. A URL is scheme://user:password@host:port/database; in user and password, "
    "characters such as @ : / ? # [ ] % are percent-encoded (urllib.parse.quote)"
)


def fields_of_url(url: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a URL stands for: host, port, database, user, password, its query.

    Raises:
        ValueError: It cannot be parsed, or has a parameter that is no field.
    """
    rest, taken = take_query(url, fields)
    parts = urlsplit(rest)
    if parts.query:
        unknown = ", ".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
        raise ValueError(f"has parameters that are no fields: {unknown}. Known: {sorted(fields)}")
    if parts.fragment or not parts.scheme:
        raise ValueError(NOT_A_URL)
    found = {
        "host": parts.hostname,
        "port": parts.port,
        "database": unquote(parts.path.removeprefix("/")) or None,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password is not None else None,
    }
    return {**{name: value for name, value in found.items() if value is not None}, **taken}

"""Configuration of a PostgreSQL store."""

from __future__ import annotations

import difflib
import math
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from flask_chest_sql.config import SqlServerConfig
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from flask_chest.server_config import NOT_A_URL, plain_text, plain_url, refuse_unencoded, take_query

_OWN: Final = {
    "host": "host",
    "port": "port",
    "dbname": "database",
    "user": "user",
    "password": "password",
    "connect_timeout": "connect_timeout_seconds",
}
"""Parameters of libpq that are fields here, with the field's name."""

_COMMON: Final = frozenset({
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
"""Parameters that every libpq of psycopg 3 has. libpq itself is asked about all others."""

_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")

_SECRET: Final = re.compile("password|secret|scram")


class PostgresConfig(SqlServerConfig):
    """Which server and database, as libpq understands it, and how the tables are laid out.

    A URL stands for all of it: ``postgresql://user:password@host:5432/database``, with libpq's
    parameters (``sslmode``, ``service``, …) and the fields below in its query. What is given
    nowhere, libpq takes from its environment variables, service file and password file:
    https://www.postgresql.org/docs/current/libpq-connect.html
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a URL has a password

    parameters: dict[str, str | SecretStr] = Field(
        default_factory=dict,
        description="More parameters of libpq, such as `sslmode`, `sslrootcert`, `service`, "
        "`target_session_attrs`",
    )
    table_schema: str = Field(
        default="public",
        min_length=1,
        description="The schema (namespace) of the tables, created when it is missing; at most 63 "
        "bytes",
    )
    time_index: Literal["btree", "brin"] = Field(
        default="btree",
        description="Index on `started_at`: `brin` is a thousandth of the size and serves ranges, "
        "but not the newest records first",
    )
    variables_index: bool = Field(
        default=False, description="A GIN index on `variables`, for questions about their values"
    )
    partition_by_day: bool = Field(
        default=False, description="One partition for each day (UTC), made ahead"
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Whole days (UTC) that are kept besides today; older partitions are dropped "
        "with the first delivery of a day. Needs `partition_by_day`",
    )

    @classmethod
    def read_url(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """See `ServerConfig`. Parameters of libpq that are no fields are in `parameters`."""
        parameters: dict[str, Any] = {}
        if "url" in fields:
            parameters, taken = _read(str(fields.pop("url")), frozenset(cls.model_fields))
            fields = {**taken, **fields}
        further = fields.get("parameters", {})
        if not isinstance(further, dict):
            return fields
        parameters.update(further)
        for name, field in _OWN.items():
            value = parameters.get(name)
            if value is not None and not (name == "port" and "," in str(value)):
                fields.setdefault(field, parameters.pop(name))
        return {**fields, "parameters": parameters}

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, str | SecretStr]) -> dict[str, str | SecretStr]:
        for name in _FILES & parameters.keys():  # libpq has no `~`
            parameters[name] = os.path.expanduser(str(parameters[name]))  # noqa: PTH111 - raises nothing
        for name, value in parameters.items():
            if name in _FILES and value != "system" and not Path(str(value)).is_file():
                raise ValueError(f"{name} names the file {str(value)!r}, which is not there")
            if name == "client_encoding":
                raise ValueError("client_encoding is always UTF8: leave it out")
            if name not in _COMMON and not _libpq().is_parameter(name):
                near = difflib.get_close_matches(name.lower(), [*_libpq().defaults()], n=1)
                hint = f". Did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"libpq has no parameter {name!r}{hint}")
        return {
            name: SecretStr(value) if isinstance(value, str) and _SECRET.search(name) else value
            for name, value in parameters.items()
        }

    @field_validator("table_schema")
    @classmethod
    def _is_identifier(cls, name: str) -> str:
        if len(name.encode()) > 63 or not name.isprintable() or name.startswith("pg_"):
            raise ValueError(
                "is no name of a schema: at most 63 bytes, printable, and PostgreSQL keeps names "
                "that begin with pg_ for itself"
            )
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> PostgresConfig:
        if self.retention_days is not None and not self.partition_by_day:
            raise ValueError("retention_days needs partition_by_day: it drops whole partitions")
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `psycopg.connect`."""
        given = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "connect_timeout": math.ceil(self.connect_timeout_seconds),
            "application_name": "flask-chest",
            "client_encoding": "utf8",
            **self.parameters,
        }
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in given.items()
            if value is not None
        }

    @property
    def location(self) -> str:
        """Host, port and database, or the service that names them."""
        given = self.parameters
        if self.host is None and "service" in given:
            return f"PostgreSQL service {given['service']!r}"
        defaults = _libpq().defaults()
        host = self.host or given.get("hostaddr") or defaults["host"] or "localhost"
        port = self.port or given.get("port") or defaults["port"]
        user = self.user or defaults["user"]
        database = self.database or defaults["dbname"] or user
        is_ipv6 = ":" in str(host) and "," not in str(host)
        return f"PostgreSQL at {f'[{host}]' if is_ipv6 else host}:{port}/{database}"


def _libpq() -> ModuleType:
    """Return the module that asks libpq. It imports the driver, which few URLs need here."""
    from flask_chest_postgres import connection  # noqa: PLC0415 - takes 190 ms of CPU

    return connection


def _read(url: str, fields: frozenset[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return libpq's parameters and our fields, for which a URL stands.

    It is libpq's own form of a URL, which may have several hosts and ports, or none.

    Raises:
        ValueError: It cannot be read. The message does not repeat it.
    """
    # SQLAlchemy's form of the scheme, `postgresql+psycopg://`, is familiar to many.
    url = re.sub(r"^postgres\w*(\+\w+)?://", "postgresql://", url)
    refuse_unencoded(url, {*fields, *_OWN, *_COMMON})
    url, _, query = url.partition("?")
    taken, left = take_query(query, fields)
    url = "?".join(filter(None, (url, "&".join(left))))
    parameters: dict[str, Any] = plain_parameters(url) or _libpq().read_url(url, fields)
    ports = str(parameters.get("port", "")).replace(",", "")
    if not ports:  # libpq gives a comma for two hosts without ports
        parameters.pop("port", None)
    elif not ports.isdecimal():  # part of a password that has a slash
        raise ValueError(NOT_A_URL)
    return parameters, taken


def plain_parameters(url: str) -> dict[str, str] | None:
    """Fast path: return the parameters of a URL without libpq; None when libpq has to read it."""
    url, _, query = url.partition("?")
    found = plain_url(url)
    if found is None or "," in found["host"]:
        return None
    if "database" in found:
        found["dbname"] = found.pop("database")
    for piece in filter(None, query.split("&")):
        name, _, text = piece.partition("=")
        value = plain_text(text)
        if value is None or name not in _COMMON or name in found:
            return None
        found[name] = value
    return found

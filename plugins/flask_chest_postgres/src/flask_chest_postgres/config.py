"""Configuration of a PostgreSQL store."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
from flask_chest_sql.server import NOT_A_URL, ServerConfig, take_query
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, SecretStr, field_validator, model_validator

_OWN: Final = {
    "host": "host",
    "port": "port",
    "dbname": "database",
    "user": "user",
    "password": "password",
}
"""Parameters of libpq that are fields here, with the field's name."""

_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")

_SECRET: Final = re.compile("password|secret|scram")


class PostgresConfig(ServerConfig):
    """Which server and database, as libpq understands it, and how the tables are laid out.

    A URL stands for all of it: ``postgresql://user:password@host:5432/database``, with libpq's
    parameters (``sslmode``, ``service``, …) and the fields below in its query. What is given
    nowhere, libpq takes from its environment variables, service file and password file:
    https://www.postgresql.org/docs/current/libpq-connect.html
    """

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

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own signature
        if not isinstance(given, dict):
            return given
        fields = dict(given)
        parameters: dict[str, Any] = {}
        if "url" in fields:
            # SQLAlchemy's form of the scheme, `postgresql+psycopg://`, is familiar to many.
            url = re.sub(r"^(postgres\w*)(\+\w+)?://", "postgresql://", str(fields.pop("url")))
            url, taken = take_query(url, cls.model_fields)
            try:
                parameters = dict(conninfo_to_dict(url))
            except psycopg.Error as error:
                unknown = re.search(r'invalid URI query parameter: "([^"]*)"', str(error))
                if unknown is None:
                    raise ValueError(NOT_A_URL) from None
                raise ValueError(
                    f"has the parameter {unknown[1]!r}, which is neither one of libpq's nor a "
                    f"field: {sorted(cls.model_fields)}"
                ) from None
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
        for name, value in parameters.items():
            if name in _FILES and value != "system" and not Path(str(value)).is_file():
                raise ValueError(f"{name} names the file {str(value)!r}, which is not there")
            try:
                make_conninfo(**{name: ""})
            except psycopg.Error as error:
                raise ValueError(f"libpq has no parameter {name!r}") from error
        return {
            name: SecretStr(value) if isinstance(value, str) and _SECRET.search(name) else value
            for name, value in parameters.items()
        }

    @field_validator("table_schema")
    @classmethod
    def _is_identifier(cls, name: str) -> str:
        if len(name.encode()) > 63 or "\0" in name:
            raise ValueError("is no name of a schema: at most 63 bytes, and no NUL")
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

"""Configuration of a MySQL or MariaDB store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from flask_chest_sql.config import SqlServerConfig
from pydantic import ConfigDict, Field, field_validator, model_validator

from flask_chest.server_config import fields_of_url

SslMode = Literal["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]


class MysqlConfig(SqlServerConfig):
    """Which server and database.

    A URL stands for all of it: ``mysql://user:password@host:3306/database``, with the fields below
    in its query. ``mariadb://`` and ``mysql+pymysql://`` mean the same: the server itself reports
    which of the two it is.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    unix_socket: Path | None = Field(
        default=None, description="Socket of a server on this machine, in place of host and port"
    )
    ssl_mode: SslMode | None = Field(
        default=None,
        description="In MySQL's own terms: DISABLED; PREFERRED, TLS when the server has it, which "
        "stops nobody who can change the traffic; REQUIRED, TLS without a check of the "
        "certificate; VERIFY_CA, its authority is checked; VERIFY_IDENTITY, the host name too. "
        "Default: VERIFY_IDENTITY with `ssl_ca`, REQUIRED with `ssl_cert`, DISABLED with "
        "`unix_socket`, else PREFERRED",
    )
    ssl_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that are trusted; those of the system when the "
        "certificate is checked and this is not given",
    )
    ssl_cert: Path | None = Field(default=None, description="PEM file of the client's certificate")
    ssl_key: Path | None = Field(
        default=None, description="PEM file of its key; not needed when `ssl_cert` has it too"
    )

    @classmethod
    def read_url(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """See `ServerConfig`."""
        if "url" not in fields:
            return fields
        return {**fields_of_url(str(fields.pop("url")), cls.model_fields), **fields}

    @field_validator("ssl_mode", mode="before")
    @classmethod
    def _upper(cls, mode: object) -> object:
        return mode.upper() if isinstance(mode, str) else mode

    @field_validator("ssl_ca", "ssl_cert", "ssl_key")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        path = path and Path(os.path.expanduser(path))  # noqa: PTH111 - raises nothing
        if path is not None and not path.is_file():
            raise ValueError(f"the file {str(path)!r} is not there")
        return path

    @field_validator("table_prefix")
    @classmethod
    def _is_identifier(cls, prefix: str) -> str:
        if max(prefix) > "\uffff":
            raise ValueError("has characters beyond U+FFFF, which MySQL allows in no name")
        return prefix

    @model_validator(mode="after")
    def _fits_together(self) -> MysqlConfig:
        for name in ("database", "user"):
            if not getattr(self, name):
                raise ValueError(f"names no {name}, as in mysql://user:password@host:3306/database")
        if self.unix_socket and (self.port or self.host not in (None, "localhost")):
            raise ValueError("unix_socket takes the place of host and port: give one or the other")
        if self.ssl_key and not self.ssl_cert:
            raise ValueError("ssl_key belongs to a certificate: give ssl_cert as well")
        if self.ssl_ca and not self.tls.startswith("VERIFY"):
            raise ValueError(
                f"ssl_mode={self.tls} checks no certificate, so ssl_ca would do nothing: set "
                "ssl_mode to VERIFY_IDENTITY or VERIFY_CA"
            )
        if self.ssl_cert and self.tls in ("DISABLED", "PREFERRED"):
            raise ValueError(
                f"ssl_mode={self.tls} does not insist on TLS, so ssl_cert might do nothing: set "
                "ssl_mode to REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
            )
        return self

    @property
    def tls(self) -> SslMode:
        """The mode of TLS that applies."""
        if self.ssl_mode is not None:
            return self.ssl_mode
        if self.ssl_ca is not None:
            return "VERIFY_IDENTITY"
        if self.ssl_cert is not None:
            return "REQUIRED"
        return "PREFERRED" if self.unix_socket is None else "DISABLED"

    @property
    def address(self) -> str:
        """Where the server and the database are, for messages."""
        if self.unix_socket is not None:
            return f"{self.unix_socket}, database {self.database}"
        host = self.host or "localhost"
        return f"{f'[{host}]' if ':' in host else host}:{self.port or 3306}/{self.database}"

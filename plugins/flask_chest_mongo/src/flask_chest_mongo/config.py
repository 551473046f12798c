"""Configuration of a MongoDB store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from flask_chest.schema import PREFIX
from flask_chest.server_config import (
    MAX_PREFIX_BYTES,
    ServerConfig,
    check_prefix,
    is_plain_hosts,
)
from flask_chest_mongo.url import (
    PLAIN_OPTIONS,
    driver,
    fields_of_query,
    fields_of_url,
    is_database,
    refuse,
)

_SECONDS_OF_A_DAY: Final = 86_400
MAX_EXPIRE_SECONDS: Final = 2**31 - 1
"""https://www.mongodb.com/docs/manual/core/index-ttl/"""

_SHARE: Final = 0.9
"""Part of a time-out after which the server, or one attempt, gives up and can still say why."""

_RARE: Final = (
    "auth_mechanism",
    "direct_connection",
    "tls_ca_file",
    "tls_certificate_key_file",
    "tls_certificate_key_file_password",
)
"""Fields that PyMongo may refuse beside others."""


class MongoConfig(ServerConfig):
    """Which server and database, and how long to wait for them.

    A URL stands for all of it: ``mongodb://user:password@host:27017/database`` or
    ``mongodb+srv://…``, with MongoDB's own options and the fields below in its query:
    https://www.mongodb.com/docs/manual/reference/connection-string-options/
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str = Field(
        default="localhost",
        min_length=1,
        description="Host name or address; several of a replica set with commas, each with its "
        "port if it has one of its own",
    )
    port: int = Field(default=27_017, ge=1, le=65_535, description="TCP port of the hosts")
    srv: bool = Field(
        default=False,
        description="`host` is a name whose DNS records name the servers: `mongodb+srv://`",
    )
    database: str = Field(description="Name of the database, which its first use creates")
    user: str | None = Field(
        default=None, min_length=1, description="Name of the user who signs in"
    )
    auth_source: str | None = Field(
        default=None, description="Database that knows the user; `database` when it is None"
    )
    auth_mechanism: str | None = Field(
        default=None, description="Such as `MONGODB-X509`; SCRAM is negotiated when it is None"
    )
    replica_set: str | None = Field(
        default=None, description="Name of the replica set; servers of another one are refused"
    )
    direct_connection: bool | None = Field(
        default=None, description="Use this host alone, and do not look for its replica set"
    )
    tls: bool | None = Field(
        default=None, description="Demand TLS; when it is None, only `srv` and the files below do"
    )
    tls_ca_file: Path | None = Field(
        default=None, description="Certificates of the authorities to trust (PEM)"
    )
    tls_certificate_key_file: Path | None = Field(
        default=None, description="Certificate of the client, with its private key (PEM)"
    )
    tls_certificate_key_file_password: SecretStr | None = Field(
        default=None, description="Decrypts that private key"
    )
    options: SecretStr = Field(
        default=SecretStr(""),
        description="Other options of a MongoDB URL, in the form of its query: "
        "`readPreference=secondaryPreferred&compressors=zlib`",
    )
    connect_timeout_seconds: float = Field(
        default=10.0,
        ge=0.1,
        le=300.0,
        description="Seconds to wait for a connection, and for a primary to be found",
    )
    timeout_seconds: float = Field(
        default=30.0, ge=0.1, le=3_600.0, description="Seconds to wait for one command's answer"
    )
    query_timeout_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600.0,
        description="Seconds that one query may take. Then the server cancels it",
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Most connections of the read side in one process; delivery needs one more, "
        "in one process of each host. Each has another that watches the server",
    )
    collection_prefix: str = Field(
        default=PREFIX,
        min_length=1,
        description="What the names of the collections and of the view begin with; at most "
        f"{MAX_PREFIX_BYTES} bytes",
    )
    retention_days: float | None = Field(
        default=None,
        ge=0.01,
        le=24_855.0,
        description="Days after which the server itself deletes a record, with a TTL index; never "
        "when it is None",
    )

    @classmethod
    def read_url(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """See `ServerConfig`. What is left of the query is in `options`."""
        found: dict[str, Any] = {}
        query = _text(fields.pop("options", ""))
        if "url" in fields:
            url, _, further = _text(fields.pop("url")).partition("?")
            found = fields_of_url(url, further)
            query = "&".join(filter(None, (further, query)))
        taken, left = fields_of_query(query, cls.model_fields.keys() - {"options"})
        return {**found, **taken, **fields, "options": left}

    @field_validator("database")
    @classmethod
    def _check_database(cls, name: str) -> str:
        if not is_database(name):
            raise ValueError(
                'is no name of a database: 1 to 63 bytes, without spaces and /\\."$*<>:|?'
            )
        return name

    @field_validator("collection_prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        if "$" in prefix or prefix.startswith(("system.", ".")):
            raise ValueError("cannot begin a name: it has '$', or begins with '.' or 'system.'")
        return check_prefix(prefix)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for field in ("tls_ca_file", "tls_certificate_key_file"):
            path: Path | None = getattr(self, field)
            if path is not None and not path.is_file():
                refuse(field, f"the file {path} is not there")
        if self.password is not None and self.user is None:
            refuse("password", "a password needs a `user`: give both, or neither")
        if self.srv and (set(self.host) & set(":,") or "port" in self.model_fields_set):
            refuse("host", "with `srv`, it is one name without a port")
        if self.auth_mechanism == "PLAIN" and not self._is_tls_verified:
            refuse(
                "auth_mechanism",
                "PLAIN sends the password in clear, and needs `tls` that checks the certificate",
            )
        if not self._is_plain:
            try:
                driver().check_arguments(*self.arguments(offline=True))
            except ValueError as error:
                refuse("options", f"PyMongo does not take these together: {error}")
        return self

    @property
    def _is_tls_verified(self) -> bool:
        """Whether the server has to prove who it is, and nobody else reads what is sent."""
        has_files = self.tls_ca_file is not None or self.tls_certificate_key_file is not None
        is_on = self.srv or has_files if self.tls is None else self.tls
        waived = re.compile(r"(?i)(?:^|&)tls(?:insecure|allowinvalid\w+)=(?!false(?:&|$))")
        return is_on and not waived.search(self.options.get_secret_value())

    @property
    def _is_plain(self) -> bool:
        """Fast path: True when PyMongo certainly accepts all fields together."""
        return (
            self.options.get_secret_value().lower() in PLAIN_OPTIONS
            and all(getattr(self, name) is None for name in _RARE)
            and is_plain_hosts(self.host)
            and bool(self.user) == bool(self.password)
            and (self.auth_source is None or bool(self.user and self.auth_source))
            and self.replica_set != ""
        )

    @property
    def location(self) -> str:
        """Where the database is, for messages; without a password."""
        hosts = self.host
        if not self.srv:
            nodes = driver().hosts(self._hosts, self.port)
            hosts = ",".join(
                unquote(host) if port is None else f"{host}:{port}" for host, port in nodes
            )
        return f"MongoDB at {hosts}/{self.database}"

    @property
    def server_timeout_ms(self) -> int:
        """Milliseconds after which the server shall abandon a command."""
        return max(int(self.timeout_seconds * 1000 * _SHARE), 1)

    @property
    def retention_seconds(self) -> int | None:
        """Whole seconds, as a TTL index has them."""
        if self.retention_days is None:
            return None
        return int(self.retention_days * _SECONDS_OF_A_DAY)

    @property
    def _hosts(self) -> str:
        is_bare_ipv6 = self.host.count(":") > 1 and "[" not in self.host and "," not in self.host
        return f"[{self.host}]" if is_bare_ipv6 else self.host

    def arguments(self, *, offline: bool = False) -> tuple[str, dict[str, Any]]:
        """Return the arguments of `MongoClient`: a URL, and all else by name.

        Args:
            offline: Never as a ``mongodb+srv://`` URL, for which PyMongo asks the DNS at once.
        """
        connect_ms, socket_ms = self.connect_timeout_seconds * 1000, self.timeout_seconds * 1000
        arguments = {
            "port": self.port,
            "username": self.user,
            "password": self.password,
            "authSource": self.auth_source,
            "authMechanism": self.auth_mechanism,
            "replicaSet": self.replica_set,
            "directConnection": self.direct_connection,
            "tls": self.tls,
            "tlsCAFile": self.tls_ca_file,
            "tlsCertificateKeyFile": self.tls_certificate_key_file,
            "tlsCertificateKeyFilePassword": self.tls_certificate_key_file_password,
            "connectTimeoutMS": connect_ms * _SHARE,
            "serverSelectionTimeoutMS": connect_ms,
            "socketTimeoutMS": socket_ms,
            "waitQueueTimeoutMS": socket_ms,
            "maxPoolSize": self.pool_size,
            "appname": "flask-chest",
            # Streaming would report an election at once, for one more connection and thread for
            # each server. Deliveries are seconds apart.
            "serverMonitoringMode": "poll",
        }
        options = self.options.get_secret_value()
        given = {piece.partition("=")[0].lower() for piece in options.split("&")}
        if self.srv and offline:
            options = "&".join(p for p in options.split("&") if not p.lower().startswith("srv"))
        kept: dict[str, Any] = {
            name: _text(value) if isinstance(value, (SecretStr, Path)) else value
            for name, value in arguments.items()
            if value is not None and name.lower() not in given
        }
        scheme = "mongodb+srv" if self.srv and not offline else "mongodb"
        where = f"{scheme}://{self._hosts}/{quote(self.database, safe='')}?{options}"
        return where, kept


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

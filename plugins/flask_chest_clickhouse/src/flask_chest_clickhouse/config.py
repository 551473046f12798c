"""Configuration of a ClickHouse store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from flask_chest.exporter import Batching
from flask_chest.schema import PREFIX
from flask_chest.server_config import (
    MAX_PREFIX_BYTES,
    ServerConfig,
    check_prefix,
    fields_of_url,
)

_HTTP_PORT: Final = 8123
_HTTPS_PORT: Final = 8443

_NATIVE_PORTS: Final = (9000, 9440)
"""Of ClickHouse's own protocol, which this store does not speak."""

_PARAMETERS: Final = frozenset(
    {"query", "database", "user", "password", "wait_end_of_query", "default_format"}
    | {"compress", "decompress", "session_id", "session_check", "session_timeout"}
)
"""Parameters of the HTTP interface that are no settings, and would change what an answer means."""

_is_setting: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*").fullmatch

_SECURE: Final = ("https", "clickhouses")
"""Schemes of URLs that stand for TLS."""


class ClickHouseConfig(ServerConfig):
    """Which server and database, how the tables are laid out, and how large batches are.

    A URL stands for all of it: ``clickhouse://user:password@host:8123/database``, with the fields
    below in its query, such as ``?secure=true&cluster=shop``.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str = Field(
        default="localhost", min_length=1, description="Host name or address of the server"
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="TCP port of the HTTP interface; 8123, or 8443 with `secure`, when it is None",
    )
    database: str = Field(
        default="default", min_length=1, description="Name of the database, which exists"
    )
    user: str = Field(default="default", min_length=1, description="Name of the user who signs in")
    secure: bool = Field(default=False, description="Demand TLS, and check the certificate")
    tls_ca_file: Path | None = Field(
        default=None,
        description="Certificates of the authorities to trust (PEM); those of the system when it "
        "is None",
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="Certificate of the client (PEM)"
    )
    tls_key_file: Path | None = Field(
        default=None, description="Private key of that certificate (PEM)"
    )
    query_timeout_seconds: float = Field(
        default=30.0,
        ge=0.1,
        le=3_600.0,
        description="Seconds that one query may take. Then the server cancels it",
    )
    table_prefix: str = Field(
        default=PREFIX,
        min_length=1,
        description="What the names of the tables and of the view begin with; at most "
        f"{MAX_PREFIX_BYTES} bytes",
    )
    cluster: str | None = Field(
        default=None,
        min_length=1,
        description="Name of a cluster: the tables are created on all of its servers, with "
        "`ON CLUSTER`",
    )
    replicated: bool = Field(
        default=False,
        description="The tables are replicated, by `ReplicatedReplacingMergeTree`",
    )
    replica_path: str = Field(
        default="/clickhouse/tables/{shard}/{database}/{table}",
        description="With `replicated`: the path in Keeper, with macros of the server; empty in a "
        "database of the engine `Replicated`, which has its own",
    )
    replica_name: str = Field(
        default="{replica}", min_length=1, description="With `replicated`: the name of a replica"
    )
    sharded: bool = Field(
        default=False,
        description="Each shard of the `cluster` has a part of the records, and a `Distributed` "
        "table has all of them",
    )
    insert_quorum: int | None = Field(
        default=None,
        ge=2,
        le=100,
        description="Number of replicas that have a batch before it counts as delivered; one, and "
        "the others soon, when it is None",
    )
    partition_by: str = Field(
        default="day",
        pattern="^(day|month)$",
        description="A partition is a `day` or a `month` (UTC). Retention drops whole partitions",
    )
    compress: bool = Field(
        default=False, description="Send batches as gzip: a fifth of the bytes for more CPU time"
    )
    min_batch_records: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Delivery waits for so many records"
    )
    max_batch_records: int = Field(
        default=100_000, ge=1, le=1_000_000, description="Most records in one batch"
    )
    max_batch_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=65_536,
        le=1024 * 1024 * 1024,
        description="Most bytes in one batch",
    )
    max_wait_seconds: float = Field(
        default=5.0,
        ge=0.0,
        le=600.0,
        description="Longest wait for `min_batch_records`, in seconds",
    )
    settings: dict[str, str | int | float] = Field(
        default_factory=dict,
        description="More settings of ClickHouse, sent with each statement: `max_memory_usage`",
    )

    @classmethod
    def read_url(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """See `ServerConfig`."""
        if "url" not in fields:
            return fields
        given = fields.pop("url")
        url = given.get_secret_value() if isinstance(given, SecretStr) else str(given)
        names = cls.model_fields.keys() - {"settings", "host", "database", "user", "password"}
        found = fields_of_url(url, names)
        if url.partition("://")[0] in _SECURE:
            found.setdefault("secure", True)
        return {**found, **fields}

    @field_validator("table_prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        return check_prefix(prefix)

    @field_validator("port")
    @classmethod
    def _check_port(cls, port: int | None) -> int | None:
        if port in _NATIVE_PORTS:
            raise ValueError(
                f"{port} is the port of ClickHouse's native protocol. Name that of its HTTP "
                f"interface: {_HTTP_PORT}, or {_HTTPS_PORT} with `secure`"
            )
        return port

    @field_validator("user")
    @classmethod
    def _check_user(cls, user: str) -> str:
        if ":" in user:
            raise ValueError("has a colon, which basic authentication does not allow")
        return user

    @field_validator("settings")
    @classmethod
    def _check_settings(cls, settings: dict[str, str | int | float]) -> dict[str, Any]:
        for name in settings:
            if name in _PARAMETERS or name.startswith("param_") or not _is_setting(name):
                raise ValueError(f"{name!r} is no setting of ClickHouse, or not to be changed here")
        return settings

    @field_validator("tls_ca_file", "tls_certificate_file", "tls_key_file")
    @classmethod
    def _in_home(cls, path: Path | None) -> Path | None:
        return path and Path(os.path.expanduser(path))  # noqa: PTH111 - raises nothing

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for field in ("tls_ca_file", "tls_certificate_file", "tls_key_file"):
            path: Path | None = getattr(self, field)
            if path is not None and not self.secure:
                raise ValueError(f"{field}: needs `secure`, which is off")
            if path is not None and not path.is_file():
                raise ValueError(f"{field}: the file {path} is not there")
        if (self.tls_key_file is None) != (self.tls_certificate_file is None):
            raise ValueError("tls_certificate_file and tls_key_file: give both, or neither")
        if self.sharded and self.cluster is None:
            raise ValueError("sharded: needs `cluster`, the name of the cluster with the shards")
        if self.insert_quorum is not None and not self.replicated:
            raise ValueError("insert_quorum: needs `replicated`, as other tables have one replica")
        if self.min_batch_records > self.max_batch_records:
            raise ValueError("min_batch_records: must not be more than `max_batch_records`")
        return self

    @property
    def batching(self) -> Batching:
        """Few and large batches, each with the same token in each attempt."""
        return Batching(
            min_records=self.min_batch_records,
            max_records=self.max_batch_records,
            max_bytes=self.max_batch_bytes,
            max_seconds=self.max_wait_seconds,
            fixed=True,
        )

    @property
    def http_port(self) -> int:
        """The port, also when none is given."""
        return self.port or (_HTTPS_PORT if self.secure else _HTTP_PORT)

    @property
    def location(self) -> str:
        """Where the database is, for messages; without a password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ClickHouse at {host}:{self.http_port}/{self.database}"

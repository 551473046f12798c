"""Configuration of a lake of Parquet files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from flask_chest.errors import QueryError
from flask_chest.server_config import NOT_A_URL, no_such_parameters, refuse_unencoded, take_query

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_OF_S3: Final = ("prefix", "endpoint", "region", "access_key", "secret_key", "session_token")


class ParquetConfig(BaseModel):
    """In which folder or S3 bucket the lake is, and how its files are made and read.

    A URL stands for all of it: ``parquet:///relative/folder``, ``parquet:////absolute/folder``, or
    ``s3://bucket/prefix``, with other fields in its query, as in ``?region=eu-central-1``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: Path | None = Field(
        default=None,
        description="The folder, created when it is missing, in one that exists. A relative path "
        "starts at the working directory of the process, `~` is the home folder",
    )
    bucket: str | None = Field(default=None, description="Or the S3 bucket, which exists")
    prefix: str = Field(
        default="", description="What the keys in the bucket begin with, such as `lake/records`"
    )
    endpoint: str | None = Field(
        default=None,
        description="URL of an S3 server that is not Amazon's, such as `http://minio:9000`",
    )
    region: str = Field(
        default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$", description="Region of the bucket"
    )
    access_key: str | None = Field(
        default=None,
        description="Access key ID; the environment's `AWS_ACCESS_KEY_ID` and its kin, or what "
        "botocore finds where it is installed, when it is None",
    )
    secret_key: SecretStr | None = Field(default=None, description="Secret access key. Never shown")
    session_token: SecretStr | None = Field(
        default=None, description="Of temporary credentials. Never shown"
    )
    connect_timeout_seconds: float = Field(
        default=5.0, ge=0.1, le=300.0, description="Seconds to wait for a connection to S3"
    )
    timeout_seconds: float = Field(
        default=20.0, ge=0.1, le=3_600.0, description="Seconds to wait for an answer of S3"
    )
    mode: str = Field(
        default="0600",
        pattern=r"^06[0-6][0-6]$",
        description="Who may read and write the files in a folder, as `chmod` has it: `0640` lets "
        "the group read them, `0660` also delete, as compaction does",
    )
    columns: tuple[str, ...] = Field(
        default=(),
        description="Variables with columns of their own, besides those of CHEST_ROLLUPS and "
        "CHEST_INDEXED_VARIABLES",
    )
    batch_records: int = Field(
        default=20_000, ge=1, le=1_000_000, description="Delivery waits for so many records"
    )
    batch_seconds: float = Field(
        default=10.0, ge=0.0, le=3_600.0, description="But no longer than so many seconds"
    )
    compact_rows: int = Field(
        default=1_000_000,
        ge=1_000,
        le=100_000_000,
        description="Most records of a file that compaction writes. It holds them in memory, with "
        "about 1 kB each",
    )
    compact_seconds: float = Field(
        default=60.0,
        ge=0.0,
        le=86_400.0,
        description="Least seconds between two compactions by one process",
    )
    plain_encodings: bool = Field(
        default=False,
        description="Write without Parquet's DELTA encodings, for an engine that cannot read them; "
        "the files are a fifth larger",
    )
    query_timeout_seconds: float = Field(
        default=30.0, ge=0.1, le=3_600.0, description="Seconds that one query may take"
    )
    query_memory_mb: int = Field(
        default=1_024,
        ge=64,
        le=1_048_576,
        description="Most memory of all queries of a process, in MB",
    )
    query_threads: int = Field(
        default=0, ge=0, le=1_024, description="Threads of a query; 0 for one on each core"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own signature
        if not isinstance(given, dict):
            return given
        fields = dict(given)
        if "url" in fields:
            fields = {**_fields_of_url(str(fields.pop("url")), cls.model_fields), **fields}
        if isinstance(fields.get("columns"), str):
            fields["columns"] = [name for name in fields["columns"].split(",") if name]
        return fields

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        try:
            path = path.expanduser().absolute()  # the working directory may change later
        except RuntimeError as error:  # the home folder of somebody who has none
            raise ValueError(f"{path}: {error}. Give the whole path") from None
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file. Name a folder, which may be a new one")
        if not path.parent.is_dir():
            raise ValueError(f"the folder {path.parent} does not exist. Create it first")
        return path

    @field_validator("bucket")
    @classmethod
    def _is_bucket(cls, bucket: str | None) -> str | None:
        if bucket is not None and not _BUCKET.fullmatch(bucket):
            raise ValueError("is no name of a bucket: 3 to 63 lower-case letters, digits, . and -")
        return bucket

    @field_validator("prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        prefix = prefix.strip("/")
        parts = prefix.split("/")
        if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(parts)):
            raise ValueError("is no prefix such as 'lake/records': letters, digits, _ . - and /")
        if any(part.startswith(("_", ".")) for part in parts):
            raise ValueError("has a part that begins with _ or ., which Spark passes over")
        return prefix

    @field_validator("endpoint")
    @classmethod
    def _is_endpoint(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        plain = parts.scheme in ("http", "https") and parts.hostname and not parts.query
        if not plain or parts.username or parts.password or parts.path.strip("/"):
            raise ValueError("is no URL of a server, such as 'https://s3.example:9000'")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("columns")
    @classmethod
    def _are_variables(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        from flask_chest.query import variable_paths  # noqa: PLC0415 - slow, and rarely needed

        if columns:
            try:
                variable_paths(columns)
            except QueryError as error:
                raise ValueError(str(error)) from None
        return columns

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.path is None) == (self.bucket is None):
            raise ValueError("give a folder as `path`, or an S3 bucket as `bucket`")
        if self.path is not None:
            given = [name for name in _OF_S3 if name in self.model_fields_set]
            if given:
                raise ValueError(f"a folder has no {', '.join(given)}: these are for a `bucket`")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("give both `access_key` and `secret_key`, or neither")
        return self

    @property
    def location(self) -> str:
        """Where the lake is, for messages."""
        if self.path is not None:
            return f"the lake {self.path}"
        at = "" if self.endpoint is None else f" at {self.endpoint}"
        return f"the lake s3://{self.bucket}/{self.prefix}{at}"


def _fields_of_url(url: str, names: Any) -> dict[str, Any]:  # noqa: ANN401 - as pydantic has them
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        refuse_unencoded(url, names)
    path, _, query = rest.partition("?")
    taken, left = take_query(query, names)
    if left:
        unknown = [piece.partition("=")[0] for piece in left]
        raise ValueError(no_such_parameters(unknown, names))
    if scheme == "s3":
        bucket, _, prefix = path.partition("/")
        if "@" in bucket:
            raise ValueError(NOT_A_URL)
        return {"bucket": bucket, "prefix": unquote(prefix), **taken}
    host, slash, folder = path.partition("/")
    if host or not slash:
        raise ValueError(
            "needs three slashes when the path is relative (parquet:///folder), and four when it "
            "is absolute (parquet:////folder)"
        )
    # As bytes: the name of a folder need not be UTF-8.
    return {"path": os.fsdecode(unquote_to_bytes(os.fsencode(folder))), **taken}

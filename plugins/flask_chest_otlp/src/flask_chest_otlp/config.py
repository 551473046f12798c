"""Configuration of the exporter `otlp`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from flask_chest.server_config import NOT_A_URL, refuse_split_password

_SCHEMES: Final = {"http": "http", "https": "https", "otlp+http": "http", "otlp+https": "https"}
_SIGNAL: Final = re.compile(r"/v1/(?:logs|metrics|traces)/?\Z")
_is_token: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_value: Final = re.compile(r"[\x20-\x7e\t]*").fullmatch

_SET_HEADERS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "host"}
    | {"transfer-encoding"}
)
_SET_RESOURCE: Final = frozenset({"host.name", "process.pid", "service.instance.id"}) | {
    "service.name",
    "service.version",
}
"""Attributes of the resource that come from the record."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class OtlpConfig(BaseModel):
    """Where the collector is, who signs in, and what is sent.

    A URL stands for it: ``otlp+https://user:password@collector.example:4318``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(
        default="http://localhost:4318",
        description="`http://` or `https://` URL of the collector; `/v1/logs` is added to its path",
    )
    token: SecretStr | None = Field(default=None, description="Sent as `Authorization: Bearer`")
    user: str | None = Field(default=None, description="User of basic authentication")
    password: SecretStr | None = Field(default=None, description="Password of `user`")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Further headers of each request, such as an API key"
    )
    compression: Literal["gzip", "none"] = Field(
        default="gzip", description="How the body of a request is compressed"
    )
    tls_ca_file: Path | None = Field(
        default=None, description="Certificates of the authorities to trust (PEM)"
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="Certificate of the client (PEM)"
    )
    tls_key_file: Path | None = Field(
        default=None, description="Private key of that certificate, unless it is in the same file"
    )
    tls_key_password: SecretStr | None = Field(
        default=None, description="Decrypts that private key"
    )
    connect_timeout_seconds: float = Field(
        default=5.0, ge=0.1, le=60.0, description="Seconds to wait for a connection"
    )
    timeout_seconds: float = Field(
        default=10.0, ge=0.1, le=300.0, description="Seconds to wait for the answer to a request"
    )
    max_request_bytes: int = Field(
        default=20 * 2**20,
        ge=2**12,
        le=2**30,
        description="Largest body of a request before compression; a larger batch is halved",
    )
    resource: dict[str, str] = Field(
        default_factory=dict,
        description="Further attributes of the resource, such as `deployment.environment.name`",
    )
    variable_prefix: str = Field(
        default="", max_length=64, description="What the attributes of variables begin with"
    )
    body: bool = Field(
        default=False,
        description="Send a line such as `GET /cart/7 200`, too, for tools that show nothing else",
    )
    metrics: bool = Field(
        default=False,
        description="Send the durations of requests as exponential histograms, too, to "
        "`/v1/metrics`",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own signature
        if not isinstance(given, dict) or not isinstance(given.get("url"), str):
            return given
        url, user, password = _split(given["url"])
        found = {"user": user, "password": password}
        kept = {name: value for name, value in found.items() if value is not None}
        return {**kept, **given, "url": url}

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _is_token(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _SET_HEADERS:
                raise ValueError(f"the header {name} is set by Flask-Chest")
            if not _is_value(value.get_secret_value()):
                raise ValueError(f"the value of the header {name} has characters other than ASCII")
        return headers

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("is empty, or has a space or characters other than ASCII")
        return token

    @field_validator("resource")
    @classmethod
    def _check_resource(cls, resource: dict[str, str]) -> dict[str, str]:
        for name in resource:
            if not name or name in _SET_RESOURCE:
                raise ValueError(f"the attribute {name!r} comes from the record")
        return resource

    @field_validator("tls_ca_file", "tls_certificate_file", "tls_key_file")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"the file {path} is not there")
        return path

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        ways = [
            *(["token"] if self.token else []),
            *(["user"] if self.user else []),
            *(["headers"] if any(name.lower() == "authorization" for name in self.headers) else []),
        ]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} both set the header Authorization: give one")
        if self.password is not None and self.user is None:
            raise ValueError("password: needs a `user`: give both, or neither")
        if self.user is not None and ":" in self.user:
            raise ValueError("user: has a colon, which basic authentication does not allow")
        if self.tls_key_file is not None and self.tls_certificate_file is None:
            raise ValueError("tls_key_file: needs a `tls_certificate_file`")
        has_files = self.tls_ca_file is not None or self.tls_certificate_file is not None
        if has_files and self.url.startswith("http://"):
            raise ValueError("url: is `http://`, and there are files for TLS: write `https://`")
        return self

    @property
    def location(self) -> str:
        """Where the collector is, for messages; without path, user and password."""
        parts = urlsplit(self.url)
        return f"the collector at {parts.scheme}://{parts.netloc}"

    @property
    def is_sent_in_clear(self) -> bool:
        """Whether somebody else on the network may read what is sent."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def _split(url: str) -> tuple[str, str | None, str | None]:
    """Return a URL without user and password and without the path of a signal, and these two.

    Raises:
        ValueError: It cannot be read. The message does not repeat it.
    """
    refuse_split_password(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"url: {NOT_A_URL}") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError("url: is no URL such as https://collector.example:4318")
    if parts.query or parts.fragment:
        raise ValueError("url: has a query or a fragment, which no collector has")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = _SIGNAL.sub("", parts.path).rstrip("/")
    made = urlunsplit((scheme, host if port is None else f"{host}:{port}", path, "", ""))
    user = unquote(parts.username) if parts.username else None
    return made, user, None if parts.password is None else unquote(parts.password)

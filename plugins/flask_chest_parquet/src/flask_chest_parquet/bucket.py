"""`Bucket`: requests to one S3 bucket, with errors that say what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import urllib3
from pydantic import SecretStr
from urllib3.exceptions import HTTPError, LocationParseError

from flask_chest.errors import ChestError, ConfigurationError, ExporterUnavailable
from flask_chest.runtime import fork
from flask_chest_parquet.signature import Credentials, Request, sign

if TYPE_CHECKING:
    from flask_chest_parquet.config import ParquetConfig

_CONNECTIONS: Final = 8
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.1
_BUSY: Final = frozenset({409, 429, 500, 502, 503, 504})
_REMEDIES: Final = {
    "AccessDenied": "Allow this user to list the bucket, and to read, write and delete objects",
    "InvalidAccessKeyId": "Correct access_key",
    "SignatureDoesNotMatch": "Correct secret_key, or region",
    "RequestTimeTooSkewed": "Correct the clock of this host",
    "NoSuchBucket": "Create the bucket, or correct its name",
    "PermanentRedirect": "Correct region",
    "AuthorizationHeaderMalformed": "Correct region",
    "ExpiredToken": "Renew session_token",
    "NotImplemented": "Choose an S3 server with conditional writes",
}


class Bucket:
    """Requests to one bucket. Any thread may make one.

    Args:
        config: Bucket, endpoint, credentials and time-outs.
    """

    def __init__(self, config: ParquetConfig) -> None:
        self._config = config
        self.location = config.location
        endpoint, self._root = _endpoint(config)
        parts = urlsplit(endpoint)
        self._host = parts.netloc
        self._endpoint = endpoint
        self._pool = self._make_pool()
        self._foreign: Any = None
        fork.watch(self)

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        fork.keep(self._pool)
        self._pool = self._make_pool()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _make_pool(self) -> urllib3.HTTPConnectionPool:
        config = self._config
        timeout = urllib3.Timeout(
            connect=config.connect_timeout_seconds, read=config.timeout_seconds
        )
        try:
            return urllib3.connection_from_url(
                self._endpoint, maxsize=_CONNECTIONS, timeout=timeout, retries=False
            )
        except LocationParseError as error:
            raise ConfigurationError(f"{self.location}: the endpoint is no URL") from error

    def ask(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        allowed: tuple[int, ...] = (),
    ) -> tuple[urllib3.BaseHTTPResponse, int]:
        """Make a request; return its answer, and how many attempts it took.

        Args:
            method: Such as ``GET``.
            key: Key of the object; empty for the bucket.
            query: Parameters.
            body: The content.
            headers: More headers.
            allowed: Statuses that the caller handles, besides success.

        Raises:
            ExporterUnavailable: The server cannot be reached, or is busy.
            ConfigurationError: It refuses us.
        """
        path = f"{self._root}/{key}"
        request = Request(method, self._host, path, query or {}, body)
        for attempt in range(1, _ATTEMPTS + 1):
            is_last = attempt == _ATTEMPTS
            signed = sign(
                request, self._credentials(), self._config.region, datetime.now(timezone.utc)
            )
            try:
                answer = self._pool.request(
                    method, request.target, body=body or None, headers={**(headers or {}), **signed}
                )
            except urllib3.exceptions.ProtocolError as error:  # an idle connection was closed
                if attempt == 1:
                    continue
                raise self._unavailable(error) from error
            except HTTPError as error:
                raise self._unavailable(error) from error
            if 200 <= answer.status < 300 or answer.status in allowed:
                return answer, attempt
            if answer.status not in _BUSY or is_last:
                raise self._refusal(answer)
            time.sleep(_PAUSE_SECONDS * 2**attempt)
        raise AssertionError

    def _credentials(self) -> Credentials:
        config = self._config
        if config.access_key is not None and config.secret_key is not None:
            return Credentials(config.access_key, config.secret_key, config.session_token)
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            token = os.environ.get("AWS_SESSION_TOKEN")
            return Credentials(key, SecretStr(secret), SecretStr(token) if token else None)
        return self._foreign_credentials()

    def _foreign_credentials(self) -> Credentials:
        """Return what botocore finds: files, roles of containers and machines."""
        if self._foreign is None:
            try:
                from botocore.session import Session  # noqa: PLC0415 - slow, and not required
            except ImportError:
                raise ConfigurationError(
                    f"{self.location}: there are no credentials. Give access_key and secret_key, "
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install botocore, which "
                    "finds files and roles"
                ) from None
            self._foreign = Session().get_credentials()
            if self._foreign is None:
                raise ConfigurationError(
                    f"{self.location}: botocore finds no credentials. Give access_key and "
                    "secret_key, or this machine a role"
                )
        found = self._foreign.get_frozen_credentials()  # renewed when they are about to expire
        token = SecretStr(found.token) if found.token else None
        return Credentials(found.access_key, SecretStr(found.secret_key), token)

    def _unavailable(self, error: Exception) -> ExporterUnavailable:
        return ExporterUnavailable(
            f"{self.location}: {self._host} does not answer ({type(error).__name__})"
        )

    def _refusal(self, answer: urllib3.BaseHTTPResponse) -> ChestError:
        code = error_code(answer.data)
        text = f"{self.location}: {self._host} answers {answer.status} {code}".rstrip()
        remedy = _REMEDIES.get(code)
        if answer.status in _BUSY or (remedy is None and answer.status not in (301, 400, 401, 403)):
            return ExporterUnavailable(text)
        return ConfigurationError(f"{text}. {remedy or 'Correct the configuration'}")


def error_code(body: bytes) -> str:
    """Return the code of an error, such as ``NoSuchKey``; empty without one."""
    try:
        found = ET.fromstring(body).findtext("Code")  # noqa: S314 - the server is the user's own
    except ET.ParseError:
        return ""
    return found or ""


def _endpoint(config: ParquetConfig) -> tuple[str, str]:
    """Return the URL of the server, and the path of the bucket there."""
    bucket = config.bucket or ""
    if config.endpoint is not None:
        return config.endpoint, f"/{bucket}"
    if "." in bucket:  # its name would not match the server's certificate
        return f"https://s3.{config.region}.amazonaws.com", f"/{bucket}"
    return f"https://{bucket}.s3.{config.region}.amazonaws.com", ""

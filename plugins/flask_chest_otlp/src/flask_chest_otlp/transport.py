"""OTLP/HTTP through urllib3: one connection, which stays open."""

from __future__ import annotations

import base64
import ssl
import zlib
from typing import TYPE_CHECKING, Final

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from flask_chest import __version__
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest_otlp.answers import PROTOBUF, Answer

if TYPE_CHECKING:
    from flask_chest_otlp.config import OtlpConfig

_GZIP: Final = 31  # `wbits` of zlib
_LEVEL: Final = 1
"""Of gzip. Level 6 saves a tenth of the bytes and takes twice as long: docs/explanation/otlp.md."""

_MAX_ANSWER: Final = 65_536
"""Bytes of an answer that are read."""


class Transport:
    """Posts messages to a collector.

    Raises:
        ConfigurationError: The files for TLS cannot be used.
    """

    def __init__(self, config: OtlpConfig) -> None:
        self._config = config
        self._is_compressed = config.compression == "gzip"
        self._headers = _headers(config)
        timeout = urllib3.Timeout(
            connect=config.connect_timeout_seconds, read=config.timeout_seconds
        )
        self._pool = urllib3.PoolManager(
            1, maxsize=1, retries=False, timeout=timeout, ssl_context=_tls(config)
        )

    def post(self, path: str, message: bytes) -> Answer:
        """Post a message of protobuf.

        A connection that the collector closed before it answered is opened again at once, one
        time: it may have been idle for too long.

        Args:
            path: Of the signal, such as ``/v1/logs``.
            message: What is posted; empty to find out whether the collector would take one.

        Raises:
            ExporterUnavailable: There is no answer.
        """
        body = self._compressed(message)
        try:
            try:
                return self._post(path, body)
            except ProtocolError:
                return self._post(path, body)
        except (HTTPError, OSError) as error:
            raise ExporterUnavailable(
                f"{self._config.location}{path} does not answer: {_cause(error)}"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()

    def _compressed(self, message: bytes) -> bytes:
        if not self._is_compressed:
            return message
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        return compressor.compress(message) + compressor.flush()

    def _post(self, path: str, body: bytes) -> Answer:
        response = self._pool.request(
            "POST",
            self._config.url + path,
            body=body,
            headers=self._headers,
            redirect=False,
            preload_content=False,
        )
        try:
            content = response.read(_MAX_ANSWER, decode_content=True)
            is_whole = not response.read(1, decode_content=True)
        except (HTTPError, OSError):  # the status has arrived, and says what became of the request
            content, is_whole = b"", False
        if not is_whole:
            response.close()
        response.release_conn()
        return Answer(
            response.status,
            response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            content,
            response.headers.get("Retry-After"),
            response.headers.get("Location"),
        )


def _headers(config: OtlpConfig) -> dict[str, str]:
    made = {
        "Content-Type": PROTOBUF,
        "User-Agent": f"flask-chest-otlp/{__version__}",
        **({"Content-Encoding": "gzip"} if config.compression == "gzip" else {}),
        **{name: value.get_secret_value() for name, value in config.headers.items()},
    }
    if config.token is not None:
        made["Authorization"] = f"Bearer {config.token.get_secret_value()}"
    if config.user is not None:
        password = "" if config.password is None else config.password.get_secret_value()
        pair = base64.b64encode(f"{config.user}:{password}".encode()).decode()
        made["Authorization"] = f"Basic {pair}"
    return made


def _tls(config: OtlpConfig) -> ssl.SSLContext | None:
    """Return a context that checks the certificate of the collector, and its name."""
    if not config.url.startswith("https://"):
        return None
    password = config.tls_key_password
    try:
        context = ssl.create_default_context(cafile=config.tls_ca_file)
        if config.tls_certificate_file is not None:
            context.load_cert_chain(
                config.tls_certificate_file,
                config.tls_key_file,
                # An empty one instead of None, which would ask at the terminal.
                "" if password is None else password.get_secret_value(),
            )
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"the files for TLS cannot be used: {error}") from error
    return context


def _cause(error: BaseException) -> str:
    """Return what went wrong, without the object of urllib3 that its messages begin with."""
    if isinstance(error, UrllibTimeout) and not isinstance(error, NewConnectionError):
        return "timed out"
    inner = error
    if isinstance(error, (NewConnectionError, ProtocolError)) and error.__cause__ is not None:
        inner = error.__cause__
    return f"{type(inner).__name__}: {inner}"

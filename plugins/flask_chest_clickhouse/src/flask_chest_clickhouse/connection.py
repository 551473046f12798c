"""The HTTP interface of ClickHouse: statements, settings, parameters, data.

https://clickhouse.com/docs/interfaces/http
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import urllib3
import urllib3.exceptions as http

from flask_chest.errors import ExporterUnavailable
from flask_chest_clickhouse.errors import ServerError, explain, explain_http

if TYPE_CHECKING:
    from flask_chest_clickhouse.config import ClickHouseConfig

_OK: Final = 200

_GRACE_SECONDS: Final = 2.0
"""How much longer than the server's own limit an answer may take."""

_is_code: Final = re.compile("([0-9]{1,9})").fullmatch
_exception: Final = re.compile(r"Code: ([0-9]{1,9})\. DB::").match

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


class Connection:
    """Connections to one server, for any thread.

    They are made when they are needed and kept open. A forked child makes its own.

    Args:
        config: Where the server is, and how long to wait.
    """

    def __init__(self, config: ClickHouseConfig) -> None:
        self._config = config
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._process = 0
        self._is_closed = False
        password = "" if config.password is None else config.password.get_secret_value()
        token = base64.b64encode(f"{config.user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "User-Agent": "flask-chest"}
        self._constant = {"database": config.database, "wait_end_of_query": "1", **config.settings}

    @property
    def location(self) -> str:
        """Where the database is, for messages."""
        return self._config.location

    def ask(
        self,
        statement: str,
        *,
        parameters: Mapping[str, str] | None = None,
        settings: Mapping[str, str | int | float] | None = None,
        data: bytes | None = None,
    ) -> bytes:
        """Run a statement; return its answer.

        Args:
            statement: With the FORMAT of its answer, or of its data.
            parameters: Values of ``{name:Type}`` in the statement, as texts of that type. Those
                inside an array are to be quoted by the caller.
            settings: Settings of ClickHouse, for this statement.
            data: What is inserted.

        Raises:
            ExporterUnavailable: The server cannot be reached, or cannot do it now.
            QueryTimeout: It took longer than `max_execution_time`.
            ConfigurationError: Only a person can fix this.
        """
        try:
            return self.send(statement, parameters=parameters, settings=settings, data=data)
        except ServerError as error:
            raise explain(self.location, error) from error

    def send(
        self,
        statement: str,
        *,
        parameters: Mapping[str, str] | None = None,
        settings: Mapping[str, str | int | float] | None = None,
        data: bytes | None = None,
    ) -> bytes:
        """Do the same as `ask`, and raise exceptions of the server as they are.

        Raises:
            ServerError: The server has answered with an exception.
            ExporterUnavailable: It cannot be reached.
            ConfigurationError: Only a person can fix this.
        """
        query: dict[str, str | int | float] = {**self._constant, **(settings or {})}
        for name, value in (parameters or {}).items():
            query[f"param_{name}"] = value.translate(_ESCAPES)
        headers = dict(self._headers)
        body = statement.encode()
        if data is not None:
            query["query"], body = statement, data
            if self._config.compress:
                headers["Content-Encoding"] = "gzip"
                body = gzip.compress(data, 1)
        seconds = max(self._config.timeout_seconds, self._longest(settings or {}))
        answer = self._exchange(f"/?{urlencode(query)}", body, headers, seconds)
        if answer.status == _OK and (data is None or not answer.data):
            return answer.data
        # To an insertion, the server says nothing. Whoever says 200 and more has stored nothing.
        text = answer.data.decode("utf-8", "replace")
        code = _code(answer.headers.get("X-ClickHouse-Exception-Code", ""), text)
        raise ServerError(code, text or f"HTTP {answer.status}")

    @staticmethod
    def _longest(settings: Mapping[str, str | int | float]) -> float:
        """Return how long an answer may take when the server itself ends the query."""
        limit = settings.get("max_execution_time")
        return 0.0 if limit is None else float(limit) + _GRACE_SECONDS

    def _exchange(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; once more when the connection turns out to be lost.

        A restart of the server or a firewall may have ended an idle connection, which shows only
        when it is used. All statements of ours may run twice.
        """
        connect = self._config.connect_timeout_seconds
        timeout = urllib3.Timeout(connect=connect, read=seconds)
        try:
            for is_last in (False, True):
                try:
                    return self._connected().urlopen(
                        "POST", url, body=body, headers=headers, timeout=timeout
                    )
                except http.ProtocolError:
                    if is_last:
                        raise
        except http.HTTPError as error:
            raise explain_http(self.location, error) from error
        raise AssertionError("unreachable")

    def _connected(self) -> urllib3.HTTPConnectionPool:
        if self._is_closed:
            raise ExporterUnavailable(f"{self.location} is not open")
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = self._make_pool(), os.getpid()
        return self._pool

    def _make_pool(self) -> urllib3.HTTPConnectionPool:
        config = self._config
        size, port = config.pool_size, config.http_port
        if not config.secure:
            return urllib3.HTTPConnectionPool(config.host, port, maxsize=size, retries=False)
        context = ssl.create_default_context(cafile=config.tls_ca_file)
        if config.tls_certificate_file is not None:
            context.load_cert_chain(config.tls_certificate_file, config.tls_key_file)
        return urllib3.HTTPSConnectionPool(
            config.host, port, maxsize=size, retries=False, ssl_context=context
        )

    def close(self) -> None:
        """Close all connections."""
        pool, self._pool, self._is_closed = self._pool, None, True
        if pool is not None and self._process == os.getpid():
            with suppress(http.HTTPError):
                pool.close()


def _code(header: str, text: str) -> int:
    """Return the code of an exception; 0 when it is none of ClickHouse's."""
    # A proxy may leave out the header.
    found = _is_code(header) or _exception(text)
    return int(found[1]) if found else 0


def quoted(text: str) -> str:
    """Return a text as a literal of ClickHouse's SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def identifier(name: str) -> str:
    """Return a name of a table, a column or a database as ClickHouse's SQL has it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

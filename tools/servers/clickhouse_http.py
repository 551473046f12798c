"""ClickHouse's engine, `chdb-core`, behind ClickHouse's HTTP protocol on a loopback port.

Run as `python -m tools.servers.clickhouse_http --port=PORT --path=FOLDER`. Each request has a
session of its own, so that requests run side by side, as on a server.

What it speaks of the protocol is what clients use: https://clickhouse.com/docs/interfaces/http
"""

from __future__ import annotations

import argparse
import base64
import gzip
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import chdb.session
from chdb import ChdbError

_ACCESS: Final = {"user", "password", "database", "query", "default_format", "session_id"}
"""Parameters of a request that are neither settings nor parameters of the query."""

_HTTP_ONLY: Final = {
    "wait_end_of_query",
    "buffer_size",
    "query_id",
    "enable_http_compression",
    "http_zlib_compression_level",
    "send_progress_in_http_headers",
    "compress",
    "decompress",
    "client_protocol_version",
    "quota_key",
    "role",
    "close_session",
    "session_timeout",
}

_STATUS: Final = {
    **dict.fromkeys((192, 193, 516), 403),
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 53, 62, 72, 117, 427), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 81, 115), 404),
    159: 408,
    209: 503,
    439: 503,
    48: 501,
    229: 413,
}
"""HTTP status of an exception's code; of all others 500. As in ClickHouse's `HTTPHandler`."""


class Session(Protocol):
    """What is used of `chdb.session.Session`, which has no annotations."""

    def query(self, sql: str, fmt: str = ..., *, params: Any = ...) -> Any:  # noqa: ANN401
        """Run a statement; return its result, whose method `bytes` has the answer."""

    def send_insert(self, query: str, fmt: str) -> Any:  # noqa: ANN401
        """Begin an insertion of bytes."""

    def close(self) -> None:
        """End the session."""


open_session: Callable[[str], Session] = chdb.session.Session


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together

    path_of_data: ClassVar[str]
    users: ClassVar[dict[str, tuple[str, bool]]]
    """Name -> password, and whether the user may only read."""

    def do_GET(self) -> None:
        """Answer a ping or a query."""
        self._handle(read_only=True)

    def do_POST(self) -> None:
        """Answer a query."""
        self._handle(read_only=False)

    def log_message(self, *_: object) -> None:
        """Say nothing: the log would be longer than the data."""

    def _handle(self, *, read_only: bool) -> None:
        parts = urlsplit(self.path)
        body = self._body()
        if parts.path in ("/ping", "/replicas_status"):
            self._answer(200, b"Ok.\n")
            return
        given = dict(parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape"))
        user = self._user(given)
        if user is None:
            text = "default: Authentication failed: password is incorrect, or there is no user with"
            self._refuse(f"Code: 516. DB::Exception: {text} such name. (AUTHENTICATION_FAILED)")
            return
        statement, data = given.get("query", ""), body
        if (native := _native_insertion(body)) is not None:
            statement, data = body[: native.end()].decode(), body[native.end() + 1 :]
        elif not statement:
            statement, data = body.decode("utf-8", "surrogateescape"), b""
        try:
            self._answer(200, self._run(statement, data, given, read_only=read_only or user[1]))
        except (ChdbError, UnicodeEncodeError) as error:
            self._refuse(str(error))

    def _run(self, statement: str, data: bytes, given: dict[str, str], *, read_only: bool) -> bytes:
        parameters = {
            name.removeprefix("param_"): value
            for name, value in given.items()
            if name.startswith("param_")
        }
        settings = {
            name: value
            for name, value in given.items()
            if name not in _ACCESS | _HTTP_ONLY and not name.startswith("param_")
        }
        if read_only:
            settings["readonly"] = "2"
        with _session(self.path_of_data) as session:
            database = given.get("database") or self.headers.get("X-ClickHouse-Database")
            if database:
                name = database.replace("\\", "\\\\").replace("`", "\\`")
                session.query(f"USE `{name}`")
            if settings:
                session.query("SET " + ", ".join(f"{n}={_text(v)}" for n, v in settings.items()))
            if (native := _native_insertion(statement.encode("utf-8", "replace"))) is not None:
                inserter = session.send_insert(native[1].decode(), "Native")
                inserter.append(data)
                inserter.finish()
                return b""
            if data:  # a statement of the engine has its data behind it
                statement = f"{statement}\n{data.decode('utf-8', 'surrogateescape')}"
            form = given.get("default_format") or self.headers.get("X-ClickHouse-Format")
            result = session.query(statement, form or "TabSeparated", params=parameters)
            return bytes(result.bytes())

    def _user(self, given: dict[str, str]) -> tuple[str, bool] | None:
        """Return what is known of the user of a request, None when it may not come in."""
        name = self.headers.get("X-ClickHouse-User")
        password = self.headers.get("X-ClickHouse-Key", "")
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, password = base64.b64decode(token).decode().partition(":")
        known = self.users.get(given.get("user", name or "default"))
        return known if known and known[0] == given.get("password", password) else None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the body ended too early")  # of which nothing counts
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _refuse(self, text: str) -> None:
        code = int(found[1]) if (found := re.match(r"Code: (\d+)", text)) else 1002
        body = f"{text}\n".encode("utf-8", "replace")
        self._answer(_STATUS.get(code, 500), body, {"X-ClickHouse-Exception-Code": str(code)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        accepted = self.headers.get("Accept-Encoding", "")
        is_wanted = "enable_http_compression=1" in unquote(self.path)
        is_packed = "gzip" in accepted and is_wanted and len(body) > 1_000
        self.send_response(status)
        self.send_header("X-ClickHouse-Server-Display-Name", "chdb")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if is_packed:
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _session(path: str) -> Iterator[Session]:
    session = open_session(path)
    try:
        yield session
    finally:
        session.close()


def _native_insertion(statement: bytes) -> re.Match[bytes] | None:
    """Match an insertion whose data is binary: the engine takes it apart from the statement."""
    return re.match(rb"(?is)\s*(INSERT\s[^\n]*?)\s+FORMAT\s+Native\b", statement)


def _text(value: str) -> str:
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Pass over a client that went away, as the tests kill some."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ValueError)):
            super().handle_error(*_)  # type: ignore[arg-type] # as they were given


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--config", help="a file of the server's configuration: clusters, Keeper")
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        help="name:password, or name:password:readonly; without any, `default` has no password",
    )
    given = parser.parse_args()
    path = f"{given.path}?config-file={given.config}" if given.config else given.path
    Handler.path_of_data = path
    users = (user.split(":") for user in given.user or ["default:"])
    Handler.users = {unquote(u[0]): (unquote(u[1]), u[2:] == ["readonly"]) for u in users}
    with _session(path), _Server(("127.0.0.1", given.port), Handler) as server:
        end = threading.Thread(target=server.shutdown)
        signal.signal(signal.SIGTERM, lambda *_: end.start())
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()

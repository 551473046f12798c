"""A client that sends the same requests to two servers, and compares the responses."""

from __future__ import annotations

import http.client
import io
import re
import socket
from dataclasses import dataclass
from urllib.parse import unquote

HOST = "shop.example"  # responses repeat it, and the ports of the servers differ
CRLF = b"\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Ask:
    """One request. A header may be a function that returns it for a `Side`.

    `mask` is a regular expression for what may differ in the response. `by_server` is True when the
    server responds because the application failed.
    """

    method: str
    target: str
    headers: tuple = ()
    body: bytes = b""
    version: str = "1.1"
    host: str = HOST
    mask: bytes = b"(?!)"
    by_server: bool = False

    def wire(self, side, *, is_last):
        headers = [each(side) if callable(each) else each for each in self.headers]
        lines = [f"{self.method} {self.target} HTTP/{self.version}", f"Host: {self.host}", *headers]
        if self.body and "Transfer-Encoding: chunked" not in headers:
            lines.append(f"Content-Length: {len(self.body)}")
        if side.cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in side.cookies.items()))
        lines.append("Connection: close" if is_last else "Connection: keep-alive")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Answer:
    """One response: `raw` with its framing; `status`, `headers` and `body` parsed.

    Raises:
        http.client.HTTPException: It is incomplete.
    """

    def __init__(self, stream, method):
        start = stream.tell()
        response = http.client.HTTPResponse(_Received(stream), method=method)
        response.begin()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.raw = stream.getvalue()[start : stream.tell()]

    def without(self, mask, *, tracked):
        """Return it without what may differ: date, request ID, times and signatures."""
        interim, answer = b"", self.raw
        if answer.startswith(CONTINUE):
            interim, answer = CONTINUE, answer[len(CONTINUE) :]
        head, _, body = answer.partition(CRLF * 2)
        lines = [line for line in head.split(CRLF) if not line.startswith(b"Date: ")]
        ours = [line for line in lines if line.lower().startswith(b"x-request-id:")]
        if tracked:
            assert len(ours) <= 1
            lines = [line for line in lines if line not in ours]
        head = CRLF.join(lines)
        head = re.sub(rb"(session=\.?[\w-]+)\.[\w-]+\.[\w-]+", rb"\1", head)
        # The ETag of a static file contains its time, its length, and a checksum of its path.
        head = re.sub(rb'(ETag: "[\d.]+-\d+)-\d+', rb"\1", head)
        return re.sub(mask, b"", interim + head + CRLF * 2 + body)


class _Received(io.BytesIO):
    """Stands in for a socket. Closing its file does not close the stream."""

    def __init__(self, stream):
        super().__init__()
        self._stream = stream

    def makefile(self, _mode):
        return _Open(self._stream)


class _Open(io.RawIOBase):
    def __init__(self, stream):
        super().__init__()
        self.read, self.readline, self.readinto = stream.read, stream.readline, stream.readinto

    def readable(self):
        return True


class Side:
    """One of the two servers, with its cookies and its last response."""

    def __init__(self, port, *, tracked):
        self.port = port
        self.tracked = tracked
        self.cookies = {}
        self.last = None

    def ask(self, asks):
        wires = [ask.wire(self, is_last=ask is asks[-1]) for ask in asks]
        with socket.create_connection(("127.0.0.1", self.port), 120) as connection:
            connection.sendall(b"".join(wires))
            with connection.makefile("rb") as file:
                stream = io.BytesIO(file.read())
        answers = [Answer(stream, ask.method) for ask in asks]
        assert stream.read() == b"", "more responses than requests"
        for answer in answers:
            for line in answer.headers.get_all("Set-Cookie", ()):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
                if "Max-Age=0" in line or not value:
                    del self.cookies[name]
        self.last = answers[-1]
        return answers

    def header(self, name):
        return self.last.headers[name]


class Pair:
    """Two servers of one application, one of them tracked.

    `expected` lists what must be recorded: request ID of the response or None, method, path and
    status code.
    """

    def __init__(self, bare_port, tracked_port):
        self.bare = Side(bare_port, tracked=False)
        self.tracked = Side(tracked_port, tracked=True)
        self.expected = []

    def ask(self, method, target, *headers, **more):
        """Send one request to both, and compare; return the response."""
        return self.ask_at_once([Ask(method, target, headers, **more)])[0]

    def ask_at_once(self, asks):
        """Send several requests on one connection, without waiting for responses."""
        bare, tracked = self.bare.ask(asks), self.tracked.ask(asks)
        for ask, one, other in zip(asks, bare, tracked, strict=True):
            wanted = one.without(ask.mask, tracked=False)
            got = other.without(ask.mask, tracked=True)
            assert got == wanted, f"{ask.method} {ask.target}\n{wanted[:9000]}\n{got[:9000]}"
            request_id = other.headers["X-Request-ID"]
            assert (request_id is None) == ask.by_server, (ask, other.raw)
            path = unquote(ask.target.partition("?")[0], errors="replace")
            path = path.replace("\0", "\N{REPLACEMENT CHARACTER}")  # databases refuse NUL
            status = None if ask.by_server else other.status
            self.expected.append((request_id, ask.method, path, status))
        return tracked

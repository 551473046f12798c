"""A client that sends the same to two servers of one application, and compares the answers."""

from __future__ import annotations

import http.client
import io
import re
import socket
from dataclasses import dataclass
from urllib.parse import unquote

HOST = "shop.example"  # answers repeat it; the ports of the two differ
CRLF = b"\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Ask:
    """One request. A header may be a function of the `Side` that it goes to, which returns it.

    `mask` is what may differ in the answer, as a regular expression. `by_server` says that the
    server answers in the place of an application which has failed.
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
    """One answer: `raw` as it came, framing included; `status`, `headers` and `body` as it means.

    Raises:
        http.client.HTTPException: It is not whole.
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
        """Return it without what may differ: the date, the request ID, times and signatures."""
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
        # The ETag of a static file has its time, its length, and a checksum of its whole path.
        head = re.sub(rb'(ETag: "[\d.]+-\d+)-\d+', rb"\1", head)
        return re.sub(mask, b"", interim + head + CRLF * 2 + body)


class _Received(io.BytesIO):
    """In the place of a socket; what reads it has its file, and must not close it."""

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
    """One of the two servers, with the cookies that it has set and its last answer."""

    def __init__(self, port, *, tracked):
        self.port = port
        self.tracked = tracked
        self.cookies = {}
        self.last = None

    def ask(self, asks):
        wires = [ask.wire(self, is_last=ask is asks[-1]) for ask in asks]
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(b"".join(wires))
            with connection.makefile("rb") as file:
                stream = io.BytesIO(file.read())
        answers = [Answer(stream, ask.method) for ask in asks]
        assert stream.read() == b"", "more came than was asked for"
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
    """Two servers of one application, of which one is tracked.

    `expected` has what must be recorded: request ID as answered (None without), method, path and
    status code.
    """

    def __init__(self, bare_port, tracked_port):
        self.bare = Side(bare_port, tracked=False)
        self.tracked = Side(tracked_port, tracked=True)
        self.expected = []

    def ask(self, method, target, *headers, **more):
        """Send one request to both; return the answer, after it was found to be the same."""
        return self.ask_at_once([Ask(method, target, headers, **more)])[0]

    def ask_at_once(self, asks):
        """Send several requests, each on the same connection, without waiting for answers."""
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

"""With app-wide tracking, public applications send the same bytes over HTTP as without."""

from __future__ import annotations

import contextlib
import hashlib
import re
import signal
import sqlite3
from base64 import b64encode
from functools import partial
from urllib.parse import urlencode

import pytest
from support.serving import Serving, gunicorn

from public_apps import sources
from public_apps.pair import CONTINUE, Ask, Pair
from public_apps.records import records_in

TRACKING = """
from flask_chest import FlaskChest

chest = FlaskChest(app, track_all=True)
"""
FORM = "Content-Type: application/x-www-form-urlencoded"
COLUMNS = "request_id, method, path, status_code"
SERVER = gunicorn("--workers=1", "--worker-class=gthread", "--threads=4")


@pytest.fixture
def both(tmp_path, monkeypatch, make_chest, app):
    """Return a function that serves an application bare and tracked, and checks the records."""
    return partial(serve_both, tmp_path, monkeypatch, make_chest, app)


@contextlib.contextmanager
def serve_both(tmp_path, monkeypatch, make_chest, app, public):
    """Give the bare and the tracked server to compare, and check the records at the end."""
    monkeypatch.setenv("PYTHONPATH", str(public.libraries or ""))
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # Werkzeug shows sets: `Allow`
    with contextlib.ExitStack() as stack:
        servers = []
        for name, source in (("bare", public.bare), ("tracked", public.bare + TRACKING)):
            folder = tmp_path / name
            public.copy_to(folder)
            (folder / "app.py").write_text(source)
            servers.append(stack.enter_context(Serving(folder, SERVER, app=None)))
        bare, tracked = servers
        pair = Pair(bare.port, tracked.port)
        pair.servers = servers
        yield pair
        assert [server.end(signal.SIGTERM) for server in servers] == [0, 0]
        rows = records_in(tracked.folder, make_chest, app, COLUMNS)
        assert_recorded_once(pair.expected, rows)
        assert in_general(tracked) == in_general(bare)


def assert_recorded_once(expected, rows):
    answered = {request_id for request_id, *_ in expected}
    rows = [(row[0] if row[0] in answered else None, *row[1:]) for row in rows]
    assert sorted(rows, key=str) == sorted(expected, key=str)


def in_general(server):
    """Return a server's log without times, numbers, its folder, and the lines of tracebacks.

    What is masked is said by the tracked one alone.
    """
    log = re.sub(r"\d+", "0", server.log().replace(str(server.folder), ""))
    lines = [line for line in log.splitlines() if not line.startswith(" ")]
    return [line for line in lines if "masked in records" not in line]


# -- The tutorial's application -------------------------------------------------------------------


@pytest.mark.slow
def test_the_tutorial_sends_the_same_bytes_with_tracking_as_without(both):
    with both(sources.flaskr()) as pair:
        go_astray(pair)
        register_and_log_in(pair)
        write_posts(pair)
        fetch_static_files(pair)


def same_etag(side):
    return f"If-None-Match: {side.header('ETag')}"


def form(**fields):
    return {"body": urlencode(fields).encode()}


def post(pair, target, **fields):
    return pair.ask("POST", target, FORM, **form(**fields))


def backdate(pair):
    """Give each post a day of its own: their order within a second is undefined."""
    for server in pair.servers:
        with contextlib.closing(sqlite3.connect(server.folder / "instance/flaskr.sqlite")) as db:
            db.execute("UPDATE post SET created = printf('2020-01-%02d 00:00:00', id)")
            db.commit()


def go_astray(pair):
    ask = pair.ask
    assert ask("GET", "/").status == 500, "there is no table yet"
    for server in pair.servers:
        with contextlib.closing(sqlite3.connect(server.folder / "instance/flaskr.sqlite")) as db:
            db.executescript((server.folder / "flaskr/schema.sql").read_text("utf-8"))
    for method in ("GET", "HEAD", "OPTIONS", "PURGE"):
        ask(method, "/")
        ask(method, "/hello")
    assert ask("GET", "/hello", version="1.0").body == b"Hello, World!"

    assert ask("GET", "/nothing?here=%00").status == 404
    assert ask("GET", "/%ff%fe/%E2%82%AC").status == 404
    assert ask("GET", "/1/delete").status == 405
    assert ask("GET", "/auth//login").status == 308
    ask("GET", "/", host="bad host!")
    assert ask("GET", "/", "Cookie: session=forged.by.nobody").status == 200


def register_and_log_in(pair):
    ask = pair.ask
    assert ask("POST", "/auth/register").status == 400
    assert b"Username is required" in post(pair, "/auth/register", username="", password="").body
    assert b"Password is required" in post(pair, "/auth/register", username="a", password="").body
    for name in ("ann", "böb"):
        assert post(pair, "/auth/register", username=name, password="secret").status == 302
    assert b"already registered" in post(pair, "/auth/register", username="ann", password="x").body
    assert ask("GET", "/create").headers["Location"] == "/auth/login"
    assert b"Incorrect username" in post(pair, "/auth/login", username="eve", password="x").body
    assert b"Incorrect password" in post(pair, "/auth/login", username="ann", password="x").body
    chunks = b"8\r\nusername\r\n14\r\n=ann&password=secret\r\n0\r\n\r\n"
    chunked = "Transfer-Encoding: chunked"
    assert ask("POST", "/auth/login", FORM, chunked, body=chunks).status == 302
    assert b"ann" in ask("GET", "/").body


def write_posts(pair):
    ask = pair.ask
    assert b"Title is required" in post(pair, "/create", title="", body="x").body
    large = "wörds & <tags> " * 30_000
    for number, text in enumerate(("first", large), 1):
        assert post(pair, "/create", title=f"Post {number}", body=text).status == 302
        backdate(pair)
    assert len(ask("GET", "/").body) > len(large)
    assert post(pair, "/1/update", title="", body="").status == 200
    assert post(pair, "/1/update", title="Better", body="n\0l").status == 302
    assert b"Better" in ask("GET", "/1/update").body
    assert b"Post id 99 doesn&#39;t exist." in ask("GET", "/99/update").body
    assert post(pair, "/2/delete").status == 302
    assert ask("HEAD", "/").body == b""
    assert ask("GET", "/auth/logout").status == 302
    assert post(pair, "/auth/login", username="böb", password="secret").status == 302
    assert post(pair, "/1/update", title="Mine", body="").status == 403
    assert post(pair, "/1/delete").status == 403


def fetch_static_files(pair):
    ask = pair.ask
    style = "/static/style.css"
    assert ask("GET", style).status == 200
    assert ask("GET", style, same_etag).status == 304
    assert ask("HEAD", style).status == 200
    assert ask("GET", style, "If-Modified-Since: Tue, 19 Jan 2038 03:14:07 GMT").status == 304
    assert ask("GET", style, "Range: bytes=5-24").status == 206
    assert ask("GET", style, "Range: bytes=999999-").status == 416
    assert ask("GET", "/static/../flaskr/db.py").status == 404
    assert ask("POST", style).status == 405

    # On one connection: each response must end in the right place.
    asks = [
        Ask("HEAD", "/"),
        Ask("GET", style),
        Ask("GET", style, (same_etag,)),
        Ask("POST", "/auth/login", (FORM,), **form(username="ann", password="x")),
        Ask("OPTIONS", "/create"),
        Ask("GET", "/1/delete"),
        Ask("GET", "/hello"),
    ]
    ask("HEAD", style)
    assert [a.status for a in pair.ask_at_once(asks)] == [200, 200, 304, 200, 200, 405, 200]


# -- httpbin ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_httpbin_sends_the_same_bytes_with_tracking_as_without(both):
    with both(sources.httpbin()) as pair:
        send_everything(pair)
        take_streams(pair)
        be_redirected_and_refused(pair)
        ask_for_headers(pair)
        ask_under_conditions(pair)
        show_credentials(pair)


def send_everything(pair):
    ask = pair.ask
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "HEAD", "OPTIONS"):
        ask(method, "/anything/a%20b/%E2%82%AC%00?x=1&x=2&y=%ff", "X-Two: 1", "X-Two: 2")
        ask(method, f"/{method.lower()}")
    assert ask("POST", "/post", FORM, **form(a="1", b="ü")).status == 200
    assert ask("POST", "/post", "Content-Type: application/json", body=b'{"a": [1]}').status == 200
    assert ask("POST", "/post", "Content-Type: application/json", body=b"{").status == 200
    multipart = "Content-Type: multipart/form-data; boundary=cut"
    file = 'Content-Disposition: form-data; name="f"; filename="f.bin"'
    body = f"--cut\r\n{file}\r\n\r\n\0\1\r\n--cut--\r\n".encode()
    assert b'"f":' in ask("POST", "/post", multipart, body=body).body
    large = bytes(range(256)) * 8_192
    assert len(ask("PUT", "/put", body=large).body) > len(large)
    assert ask("PUT", "/put", "Expect: 100-continue", body=large).raw.startswith(CONTINUE)
    chunks = b"".join(b"%x\r\n%b\r\n" % (n, b"c" * n) for n in (1, 10, 70_000)) + b"0\r\n\r\n"
    assert b"c" * 70_011 in ask("POST", "/post", "Transfer-Encoding: chunked", body=chunks).body


def take_streams(pair):
    ask = pair.ask
    for target in (
        *("/stream/0", "/stream/1", "/stream/20", "/bytes/0", "/bytes/9000?seed=1"),
        *("/stream-bytes/0?seed=1", "/stream-bytes/9000?seed=1&chunk_size=7"),
        *("/drip?numbytes=5&duration=0.05", "/drip?numbytes=3&duration=0&code=500"),
        *("/drip?numbytes=0", "/range/0", "/range/26", "/range/60000?chunk_size=1000"),
        *("/deflate", "/brotli", "/encoding/utf8", "/delay/0"),
        *("/image/png", "/image/jpeg", "/image/webp", "/image/svg", "/static/favicon.ico"),
        *("/", "/html", "/xml", "/json", "/robots.txt", "/deny", "/forms/post", "/links/3/1"),
        *("/ip", "/user-agent", "/headers", "/base64/SGFsbG8=", "/base64/%E2%82%AC"),
    ):
        ask("GET", target)
        ask("GET", target, version="1.0")
        ask("HEAD", target)
    ask("GET", "/gzip", mask=rb"(?s)(?<=\x1f\x8b\x08\x00)....")  # the time, in seconds
    assert ask("GET", "/stream/20").headers["Transfer-Encoding"] == "chunked"
    assert ask("GET", "/stream-bytes/9000?seed=1&chunk_size=7").raw.count(b"\r\n7\r\n") > 1000
    for part, status in (("0-0", 206), ("5-", 206), ("-3", 206), ("26-", 416), ("x", 200)):
        assert ask("GET", "/range/26?chunk_size=2", f"Range: bytes={part}").status == status

    # On one connection, without waiting.
    targets = ["/stream/2", "/status/304", "/range/26", "/drip?numbytes=2&duration=0", "/nothing"]
    asks = [Ask(method, target) for target in targets for method in ("GET", "HEAD")]
    assert len(pair.ask_at_once(asks)) == 10


def be_redirected_and_refused(pair):
    ask = pair.ask
    for target in ("/redirect/1", "/redirect/3", "/relative-redirect/2", "/absolute-redirect/2"):
        assert ask("GET", target).status == 302
        assert ask("GET", f"{target}?absolute=true").status == 302
    assert ask("GET", "/redirect/0").status == 500, "an assertion of its own fails"
    assert ask("POST", "/redirect-to?url=/get&status_code=307").headers["Location"] == "/get"
    for status in (200, 201, 204, 205, 301, 304, 305, 307, 400, 401, 402, 404, 406, 407, 418):
        assert ask("GET", f"/status/{status}").status == status
        assert ask("POST", f"/status/{status}").status == status
    for target in ("/status/500", "/status/503", "/status/999", "/status/x", "/nothing"):
        assert ask("GET", target).status >= 300
    assert ask("DELETE", "/get").status == 405
    assert ask("BREW", "/get").status == 405


def ask_for_headers(pair):
    ask = pair.ask
    assert ask("GET", "/response-headers?a=1&a=2&Content-Type=text/x").headers.get_all("a")
    assert ask("POST", "/response-headers?ETag=%22x%22").status == 200
    assert ask("GET", "/response-headers?a=%0d%0ab").status == 500
    assert ask("GET", "/response-headers?a=%E2%82%AC", by_server=True).status == 500
    ask("OPTIONS", "/get", "Origin: http://a.example", "Access-Control-Request-Headers: X-A")
    for kind in ("image/webp", "image/svg+xml", "image/*", "text/html"):
        ask("GET", "/image", f"Accept: {kind}")


def ask_under_conditions(pair):
    ask = pair.ask
    assert ask("GET", "/etag/x").status == 200
    assert ask("GET", "/etag/x", 'If-None-Match: "x", "y"').status == 304
    assert ask("GET", "/etag/x", 'If-Match: "y"').status == 412
    assert ask("GET", "/cache", "If-None-Match: x").status == 304
    assert ask("GET", "/cache", mask=rb"(?m)^(Last-Modified|ETag): .*$").status == 200
    assert ask("GET", "/cache/60").headers["Cache-Control"] == "public, max-age=60"
    assert ask("GET", "/uuid", mask=rb'"uuid": "[\w-]{36}"').status == 200


def show_credentials(pair):
    ask = pair.ask
    assert ask("GET", "/cookies/set/one/1").status == 302
    assert ask("GET", "/cookies/set?two=2&three=%C3%BC").status == 302
    assert ask("GET", "/cookies/delete?one").status == 302
    assert b'"two": "2"' in ask("GET", "/cookies").body
    right, wrong = ("Authorization: Basic " + b64encode(w).decode() for w in (b"u:p", b"u:x"))
    for target, status in (("/basic-auth/u/p", 401), ("/hidden-basic-auth/u/p", 404)):
        assert ask("GET", target).status == status
        assert ask("GET", target, wrong).status == status
        assert ask("GET", target, right).status == 200
    assert ask("GET", "/bearer").status == 401
    assert ask("GET", "/bearer", "Authorization: Bearer token").status == 200
    for algorithm in ("MD5", "SHA-256", "SHA-512"):
        target = f"/digest-auth/auth/u/p/{algorithm}"
        nonces = rb"\b(?:[0-9a-f]{32}){1,4}\b"
        assert ask("GET", target, mask=nonces).status == 401
        proof = partial(digest, target=target, algorithm=algorithm)
        assert ask("GET", target, partial(proof, password="x"), mask=nonces).status == 401
        assert ask("GET", target, partial(proof, password="p"), mask=nonces).status == 200


def digest(side, *, target, algorithm, password):
    """Return the header of RFC 7616 that answers the last challenge."""
    given = dict(re.findall(r'(\w+)="?([^",]+)', side.header("WWW-Authenticate")))
    kind = {"MD5": "md5", "SHA-256": "sha256", "SHA-512": "sha512"}[algorithm]

    def hashed(*parts):
        return hashlib.new(kind, ":".join(parts).encode()).hexdigest()

    count = "00000001", "c0ffee", "auth"
    secret = hashed("u", given["realm"], password)
    response = hashed(secret, given["nonce"], *count, hashed("GET", target))
    return (
        f'Authorization: Digest username="u", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{target}", algorithm={algorithm}, qop=auth, nc={count[0]}, cnonce="{count[1]}", '
        f'response="{response}", opaque="{given["opaque"]}"'
    )

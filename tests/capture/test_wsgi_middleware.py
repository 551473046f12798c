"""One right record a request, whatever is wrapped around the application and wherever."""

from __future__ import annotations

import gc
import io
import time

import pytest
from flask import Flask, abort, g, request, send_file, stream_with_context
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, Rule
from werkzeug.test import EnvironBuilder


def generator_middleware(application):
    """Run nothing of the application before its body is read."""

    def serve(environ, start_response):
        body = application(environ, start_response)
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()

    return serve


class OwnIterable:
    """A body that is no iterator, has no length, and is closed by the server."""

    def __init__(self, body):
        self._body = body

    def __iter__(self):
        return iter(self._body)

    def close(self):
        if hasattr(self._body, "close"):
            self._body.close()


def iterable_middleware(application):
    return lambda environ, start_response: OwnIterable(application(environ, start_response))


def timing_middleware(application):
    """Add a header, as many do, and join the body to one string."""

    def serve(environ, start_response):
        began = time.perf_counter()

        def start(status, headers, exc_info=None):
            taken = f"{time.perf_counter() - began:.6f}"
            return start_response(status, [*headers, ("X-Taken", taken)], exc_info)

        body = application(environ, start)
        try:
            return [b"".join(body)]
        finally:
            if hasattr(body, "close"):
                body.close()

    return serve


def copying_middleware(application):
    """Hand on another environ than the one that came in."""
    return lambda environ, start_response: application(dict(environ), start_response)


AROUND = {
    "a generator": generator_middleware,
    "an iterable of its own": iterable_middleware,
    "a header and one string": timing_middleware,
    "a copied environ": copying_middleware,
    "the debugger": lambda application: DebuggedApplication(application, evalex=False),
    "a proxy fix": ProxyFix,
    "two of them": lambda application: generator_middleware(iterable_middleware(application)),
}


def make_shop(chest):
    app = Flask("shop")

    @app.get("/plain")
    @chest.track("user_id", "late")
    def plain():
        g.user_id = "u-1"
        return "ok"

    @app.get("/stream")
    @chest.track("user_id", "late")
    def stream():
        g.user_id = "u-1"

        def parts():
            yield "a"
            time.sleep(0.02)
            g.late = "set while the stream ran"
            yield "b"

        return app.response_class(stream_with_context(parts()))

    @app.get("/fails")
    @chest.track("user_id")
    def fails():
        g.user_id = "u-1"
        raise RuntimeError("no")

    @app.get("/gone")
    @chest.track("user_id")
    def gone():
        abort(410)

    @app.get("/file")
    @chest.track("user_id")
    def file():
        g.user_id = "u-1"
        return send_file(io.BytesIO(b"x" * 50_000), download_name="x.bin")

    @app.get("/untracked")
    def untracked():
        return "ok"

    return app


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("is_first", [True, False], ids=["before the chest", "after it"])
def test_a_middleware_on_either_side_costs_no_record_and_no_part_of_one(
    make_chest, serve, recorded, around, is_first
):
    chest = make_chest()
    app = make_shop(chest)
    if is_first:
        app.wsgi_app = around(app.wsgi_app)
    chest.init_app(app)
    if not is_first:
        app.wsgi_app = around(app.wsgi_app)
    client = serve(app)
    assert client.get("/plain").text == "ok"
    assert client.get("/stream").text == "ab"
    assert client.get("/fails").status_code == 500
    assert client.get("/gone").status_code == 410
    assert client.get("/file").content == b"x" * 50_000
    assert client.get("/untracked").text == "ok"
    rows = {row["path"]: row for row in recorded(chest, 5)}
    assert {path: row["status_code"] for path, row in rows.items()} == {
        "/plain": 200, "/stream": 200, "/fails": 500, "/gone": 410, "/file": 200,
    }  # fmt: skip
    assert rows["/plain"]["variables"] == {"user_id": "u-1"}
    assert rows["/stream"]["variables"] == {"user_id": "u-1", "late": "set while the stream ran"}
    assert rows["/stream"]["duration_ms"] >= 20
    errors = {path: row["error"] for path, row in rows.items() if row["error"]}
    assert errors == {"/fails": "RuntimeError"}
    stats = chest.stats()
    assert stats.dropped == {}
    assert stats.capture_errors == 0


def test_the_body_of_an_untracked_route_is_handed_on_as_it_is(make_chest):
    chest = make_chest()
    app = make_shop(chest)
    made = OwnIterable([b"ok"])
    inner = app.wsgi_app

    def swap(environ, start_response):
        inner(environ, start_response)
        return made

    app.wsgi_app = swap
    chest.init_app(app)
    body = app.wsgi_app(EnvironBuilder("/untracked").get_environ(), lambda *_: None)
    assert body is made


class FileWrapper:
    """As a server has one, which it sends in a way of its own."""

    def __init__(self, file, size=8192):
        self.file = file
        self.close = file.close

    def __iter__(self):
        return iter(lambda: self.file.read(8192), b"")


@pytest.mark.parametrize("wrapper", [FileWrapper, lambda file, size=0: file])
def test_a_file_wrapper_is_passed_on_as_it_is(make_chest, recorded, wrapper):
    chest = make_chest()
    app = make_shop(chest)
    chest.init_app(app)
    environ = EnvironBuilder("/file").get_environ()
    environ["wsgi.file_wrapper"] = wrapper
    body = app.wsgi_app(environ, lambda *_: None)
    assert isinstance(body, (FileWrapper, io.BytesIO))
    body.close()
    [row] = recorded(chest, 1)
    assert (row["path"], row["status_code"]) == ("/file", 200)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_callable_that_was_made_before_init_app_is_recorded(make_chest, serve, recorded, around):
    chest = make_chest()
    app = make_shop(chest)
    served = around(app.wsgi_app)
    chest.init_app(app)
    client = serve(served)
    plain = client.get("/plain")
    client.get("/stream")
    client.get("/fails")
    client.get("/gone")
    client.get("/file")
    client.get("/untracked")
    rows = {row["path"]: row for row in recorded(chest, 5)}
    assert {path: row["status_code"] for path, row in rows.items()} == {
        "/plain": 200, "/stream": 200, "/fails": 500, "/gone": 410, "/file": 200,
    }  # fmt: skip
    assert rows["/plain"]["request_id"] == plain.headers["X-Request-ID"]
    assert rows["/stream"]["variables"] == {"user_id": "u-1", "late": "set while the stream ran"}
    assert {path for path, row in rows.items() if row["error"]} == {"/fails"}


def test_every_request_is_recorded_app_wide_when_the_callable_was_made_before(
    make_chest, serve, recorded
):
    chest = make_chest(track_all=True)
    app = make_shop(chest)
    served = ProxyFix(app.wsgi_app)
    chest.init_app(app)
    client = serve(served)
    for path in ("/plain", "/untracked", "/nowhere", "/fails"):
        client.get(path)
    rows = recorded(chest, 4)
    assert [(row["path"], row["status_code"]) for row in rows] == [
        ("/plain", 200), ("/untracked", 200), ("/nowhere", 404), ("/fails", 500),
    ]  # fmt: skip


@pytest.mark.parametrize("track_all", [False, True])
def test_functions_that_change_the_response_hold_for_a_callable_that_was_made_before(
    make_chest, serve, recorded, track_all
):
    chest = make_chest(track_all=track_all)
    app = make_shop(chest)

    @app.after_request
    def change(response):
        if request.path == "/plain":
            response.status_code = 202
        elif request.path == "/stream":
            return app.response_class(stream_with_context(iter("cd")), 203, {"X-Request-ID": "no"})
        return response

    served = ProxyFix(app.wsgi_app)
    chest.init_app(app)
    client = serve(served)
    assert client.get("/plain").status_code == 202
    stream = client.get("/stream")
    assert stream.text == "cd"
    rows = recorded(chest, 2)
    assert [row["status_code"] for row in rows] == [202, 203]
    assert stream.headers.get_list("X-Request-ID") == [rows[1]["request_id"]]


def test_an_application_may_take_its_rules_from_a_map_of_its_own(make_chest, recorded):
    chest = make_chest()
    rules = Map([Rule("/", endpoint="index")])

    class Shop(Flask):
        def create_url_adapter(self, request):
            return rules.bind_to_environ(request.environ) if request is not None else None

    app = Shop("shop")
    app.view_functions["index"] = chest.track(lambda: "ok")
    app.before_request(lambda: ("answered before the view", 403))
    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert (row["endpoint"], row["status_code"]) == ("index", 403)


@pytest.mark.parametrize("how", ["fails", "is dropped", "is open at the end"])
def test_a_stream_of_a_callable_that_was_made_before_is_followed_to_its_end(
    make_chest, recorded, how
):
    chest = make_chest()
    app = Flask("shop")
    closed = []

    @app.get("/")
    @chest.track("*", "response.bytes")
    def index():
        def parts():
            try:
                yield "ä"
                if how == "fails":
                    raise LookupError("no")
                yield "b"
            finally:
                closed.append(how)

        return app.response_class(parts())

    served = ProxyFix(app.wsgi_app)
    chest.init_app(app)
    body = served(EnvironBuilder("/").get_environ(), lambda *_: None)
    chunks = iter(body)
    assert next(chunks) == "ä".encode()
    if how == "fails":
        with pytest.raises(LookupError):
            next(chunks)
        body.close()
    elif how == "is dropped":
        del body, chunks
        gc.collect()
    else:
        chest.close()
    [row] = recorded(chest, 1)
    assert row["variables"] == {"response.bytes": 2}
    assert (row["status_code"], row["error"]) == (200, "LookupError" if how == "fails" else None)
    assert closed == ([] if how == "is open at the end" else [how])


def test_the_size_of_a_response_is_known_for_a_callable_that_was_made_before(make_chest, recorded):
    chest = make_chest()
    app = Flask("shop")
    app.add_url_rule("/", "index", chest.track("response.bytes")(lambda: "four"))
    served = ProxyFix(app.wsgi_app)
    chest.init_app(app)
    body = served(EnvironBuilder("/").get_environ(), lambda *_: None)
    assert b"".join(body) == b"four"
    body.close()
    [row] = recorded(chest, 1)
    assert row["variables"] == {"response.bytes": 4}

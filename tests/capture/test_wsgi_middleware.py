"""One right record a request, whatever is wrapped around the application and wherever."""

from __future__ import annotations

import gc
import io
import time

import pytest
from flask import Flask, abort, g, request, send_file, stream_with_context
from werkzeug.debug import DebuggedApplication
from werkzeug.local import LocalProxy
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, Rule
from werkzeug.test import EnvironBuilder
from werkzeug.wsgi import ClosingIterator


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


# -- A callable that was made before `init_app` ---------------------------------------------------


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


# -- Applications within applications -----------------------------------------------------------


def make_part(name, chest, *variables):
    app = Flask(name)

    @app.get("/", endpoint="index")
    @chest.track(*variables)
    def index():
        g.user_id, g.card = "u-1", "4"
        return name

    @app.get("/cards", endpoint="cards")
    @chest.track(*variables)
    def cards():
        g.user_id, g.card = "u-1", "4"
        return name

    return app


@pytest.mark.parametrize("mounted", ["before the chests", "after them"])
@pytest.mark.parametrize("chests", ["site", "api", "both", "one for both"])
def test_each_application_records_its_own_requests_by_its_own_rules(
    make_chest, tmp_path, serve, recorded, mounted, chests
):
    journals = {"site": tmp_path / "site", "api": tmp_path / "api"}
    site_chest = make_chest(journal=str(journals["site"]), service="site")
    api_chest = make_chest(journal=str(journals["api"]), service="api")
    if chests == "one for both":
        site_chest = api_chest = make_chest()
    site = make_part("site", site_chest, "user_id", "card")
    api = make_part("api", api_chest, "user_id", "card", "!card_*")
    wanted = {"site": ["site"], "api": ["api"]}.get(chests, ["site", "api"])

    def mount():
        site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/api": api})

    if mounted == "before the chests":
        mount()
    if "site" in wanted:
        site_chest.init_app(site)
    if "api" in wanted:
        api_chest.init_app(api)
    if mounted == "after them":
        mount()
    client = serve(site)
    assert client.get("/cards").text == "site"
    assert client.get("/api/cards").text == "api"
    assert client.get("/api/").text == "api"
    rows = []
    for app, chest in ((site, site_chest), (api, api_chest)):
        if app.name in wanted:
            with app.app_context():
                rows = recorded(chest)
    expected = {"site": [("/cards", "u-1")], "api": [("/api/", "u-1"), ("/api/cards", "u-1")]}
    assert sorted((row["path"], row["variables"]["user_id"]) for row in rows) == sorted(
        pair for name in wanted for pair in expected[name]
    )
    if chests != "one for both":
        assert {(row["service"], row["path"].startswith("/api")) for row in rows} == {
            (name, name == "api") for name in wanted
        }


def test_the_exclusions_of_the_mounted_application_hold_for_its_requests(
    make_chest, tmp_path, serve, recorded
):
    site_chest = make_chest(journal=str(tmp_path / "site"), track_all=True)
    api_chest = make_chest(journal=str(tmp_path / "api"), variables=["*", "!card"])
    site = make_part("site", site_chest, "user_id", "card")
    api = make_part("api", api_chest, "user_id", "card", "note")
    site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/api": api})
    site_chest.init_app(site)
    api_chest.init_app(api)
    client = serve(site)
    client.get("/api/cards")
    client.get("/cards")
    recorded(site_chest)
    rows = recorded(api_chest, 2)
    assert {row["path"]: row["variables"] for row in rows} == {
        "/api/cards": {"user_id": "u-1"},
        "/cards": {"user_id": "u-1", "card": "4"},
    }


def test_a_track_of_another_chest_is_none_of_this_applications_rules(make_chest, tmp_path, serve):
    mine = make_chest(journal=str(tmp_path / "mine"))
    other = make_chest(journal=str(tmp_path / "other"), raise_errors=False)
    app = Flask("shop")

    @app.get("/")
    @other.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    mine.init_app(app)
    other.init_app(Flask("other"))
    assert serve(app).get("/").text == "ok"
    assert mine.flush(10)
    assert mine.stats().recorded == 0


def test_an_inner_answer_while_a_tracked_view_calls_the_application_is_not_the_views_record(
    make_chest, serve, recorded
):
    chest = make_chest()
    app = Flask("shop")
    answers = []
    inner = app.wsgi_app

    def health(environ, start_response):
        if environ["PATH_INFO"] == "/healthz":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"well"]
        return inner(environ, start_response)

    app.wsgi_app = health

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        answers.append(app.test_client().get("/healthz").text)
        answers.append(app.test_client().get("/other").text)
        return "ok"

    @app.get("/other")
    def other():
        return "other"

    chest.init_app(app)
    serve(app).get("/")
    assert answers == ["well", "other"]
    [row] = recorded(chest, 1)
    assert (row["path"], row["status_code"], row["variables"]) == ("/", 200, {"user_id": "u-1"})


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    [
        ("", "/cards", "/cards"),
        ("/api", "/cards", "/api/cards"),
        ("/api", "/", "/api/"),
        ("/api", "", "/api"),
        ("/a/b", "/cards", "/a/b/cards"),
    ],
)
def test_the_path_is_the_one_that_the_client_sent(make_chest, recorded, script, path, expected):
    chest = make_chest(track_all=True)
    app = make_part("shop", chest, "user_id")
    chest.init_app(app)
    environ = EnvironBuilder("/").get_environ()
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = script, path
    body = app.wsgi_app(environ, lambda *_: None)
    b"".join(body)
    body.close()
    [row] = recorded(chest, 1)
    assert row["path"] == expected


def test_the_path_behind_a_proxy_has_the_prefix_that_the_proxy_took_off(
    make_chest, serve, recorded
):
    chest = make_chest()
    app = make_part("shop", chest, "user_id")
    chest.init_app(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
    serve(app).get("/cards", headers={"X-Forwarded-Prefix": "/shop"})
    [row] = recorded(chest, 1)
    assert row["path"] == "/shop/cards"


# -- A request that is sent to the application again ----------------------------------------------


def retrying(application, *, keeps_the_start=False):
    """Send a request again that was answered with 503, or that failed; with another path if 404."""

    def serve(environ, start_response):
        began = []

        def start(status, headers, exc_info=None):
            began[:] = [status, headers]
            return start_response(status, headers, exc_info) if keeps_the_start else None

        try:
            body = application(environ, start)
        except ValueError:
            began[:] = ["503", []]
            body = ClosingIterator([])
        if began[0][:3] in {"503", "404"}:
            body.close()
            if began[0].startswith("404"):
                environ["PATH_INFO"] = "/page"
            return application(environ, start_response)
        if not keeps_the_start:
            start_response(*began)
        return body

    return serve


@pytest.mark.parametrize("keeps_the_start", [False, True])
@pytest.mark.parametrize("track_all", [False, True])
@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("first", ["busy", "raises"])
def test_a_request_that_is_sent_again_is_recorded_as_it_was_answered(
    make_chest, recorded, keeps_the_start, track_all, slots, first
):
    chest = make_chest(track_all=track_all)
    app = Flask("shop")
    app.testing = True
    if slots:

        class Globals(app.app_ctx_globals_class):
            __slots__ = ("attempt",)

        app.app_ctx_globals_class = Globals
    attempts = []

    @app.get("/")
    @chest.track("*")
    def index():
        attempts.append(g.request_id)
        g.attempt = len(attempts)
        if len(attempts) > 1:
            return "ok"
        g.first, g.proxy = 1, LocalProxy(lambda: "ann")
        if first == "raises":
            raise ValueError("no")
        return "busy", 503

    app.wsgi_app = retrying(app.wsgi_app, keeps_the_start=keeps_the_start)
    chest.init_app(app)
    answer = app.test_client().get("/")
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (200, {"attempt": 2})
    assert row["error"] is None
    assert set(attempts) == {row["request_id"], answer.headers["X-Request-ID"]}


def test_a_request_that_is_sent_again_to_another_page_is_recorded_as_that_page(
    make_chest, recorded
):
    chest = make_chest(track_all=True)
    app = Flask("shop")
    app.add_url_rule("/page", "page", lambda: "ok")
    app.wsgi_app = retrying(app.wsgi_app)
    chest.init_app(app)
    assert app.test_client().get("/nowhere").text == "ok"
    [row] = recorded(chest, 1)
    assert (row["endpoint"], row["path"], row["status_code"]) == ("page", "/page", 200)

"""Requests that are excluded by their path, by the status of their response, or by a hook."""

from __future__ import annotations

import pytest
from flask import Flask, Response, abort, g, redirect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_chest import hookimpl
from flask_chest.errors import ConfigurationError


@pytest.fixture
def shop(make_chest, recorded):
    """Return a function that makes an application, and one that returns what was recorded."""
    apps = []  # FlaskChest does not keep them alive

    def make(plugin=None, **settings):
        chest = make_chest(**{"track_all": True, **settings})
        if plugin is not None:
            chest.register_plugin(plugin, "dropper")
        app = Flask("shop")
        apps.append(app)

        @app.get("/<path:path>")
        def index(path):
            g.path = path
            if path == "broken":
                raise ZeroDivisionError
            if path == "moved":
                return redirect("/")
            if path.isdecimal():
                abort(int(path))
            return ""

        chest.init_app(app)
        return chest, app

    return make


# -- Paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["/healthz"], ["/healthz/", "/healthz2", "/Healthz", "/a/healthz", "/static/a/b.css"]),
        ("/healthz,/static/*", ["/healthz/", "/healthz2", "/Healthz", "/a/healthz"]),
        (["*healthz"], ["/healthz/", "/healthz2", "/Healthz", "/static/a/b.css"]),
        (["/health*"], ["/Healthz", "/a/healthz", "/static/a/b.css"]),
        (["/static/*.css"], ["/healthz", "/healthz/", "/healthz2", "/Healthz", "/a/healthz"]),
        (["*"], []),
    ],
)
def test_a_path_excludes_a_request_as_a_whole_or_by_a_pattern(shop, recorded, patterns, left):
    chest, app = shop(exclude_paths=patterns)
    paths = ["/healthz", "/healthz/", "/healthz2", "/Healthz", "/a/healthz", "/static/a/b.css"]
    for path in paths:
        app.test_client().get(f"{path}?x=/healthz")
    assert [row["path"] for row in recorded(chest)] == left
    gone = len(paths) - len(left)
    assert chest.stats().excluded == {"path": gone}


def test_brackets_in_a_path_are_themselves(shop, recorded):
    chest, app = shop(exclude_paths=["/a[bc]"])
    for path in ("/ab", "/a[bc]", "/a%5Bbc%5D", "/grüße"):
        app.test_client().get(path)
    assert [row["path"] for row in recorded(chest)] == ["/ab", "/grüße"]


def test_a_path_with_letters_of_any_script_is_excluded(shop, recorded):
    chest, app = shop(exclude_paths=["/grüße/*"])
    app.test_client().get("/gr%C3%BC%C3%9Fe/du")
    assert recorded(chest) == []


def test_the_path_is_that_of_the_client_whatever_mounts_the_application(shop, recorded):
    chest, app = shop(exclude_paths=["/api/healthz", "/prefix/healthz"])
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
    site = Flask("site")
    site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/api": app.wsgi_app})
    site.test_client().get("/api/healthz")
    app.test_client().get("/healthz", headers={"X-Forwarded-Prefix": "/prefix"})
    assert recorded(chest) == []
    app.test_client().get("/healthz")
    assert len(recorded(chest)) == 1


def test_an_excluded_request_is_as_one_that_nobody_tracks(make_chest, recorded):
    chest, app = make_chest(exclude_paths=["/healthz"]), Flask("shop")
    calls = []
    view = chest.track(request_id=lambda request: calls.append(request.path) or "own")
    app.get("/healthz", endpoint="health")(view(lambda: str(g.request_id)))
    app.get("/broken", endpoint="broken")(view(lambda: 1 / 0))
    app.get("/untracked", endpoint="untracked")(lambda: "")
    chest.init_app(app)
    response = app.test_client().get("/healthz")
    assert len(response.text) == 36
    assert response.headers["X-Request-ID"] == response.text, "it was read"
    app.test_client().get("/untracked")
    assert recorded(chest) == []
    assert chest.stats().excluded == {"path": 1}, "once, and only what would have been recorded"
    app.test_client().get("/broken")
    assert calls == ["/broken"]
    assert len(recorded(chest)) == 1


@pytest.mark.parametrize("pattern", ["healthz", "/healthz?x", "/a#b", "https://shop.example/a"])
def test_a_pattern_that_can_match_no_path_is_refused(shop, pattern):
    with pytest.raises(ConfigurationError, match=r"CHEST_EXCLUDE_PATHS: .* can match no path"):
        shop(exclude_paths=["/fine", pattern])


# -- Statuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([404], [200, 302, 410, 503]),
        (404, [200, 302, 410, 503]),
        ("404,3xx", [200, 410, 503]),
        ([404, "3XX"], [200, 410, 503]),
        ('["410", "4xx"]', [200, 302, 503]),
        (["5xx", 200], [302, 404, 410]),
        ([], [200, 302, 404, 410, 503]),
    ],
)
def test_a_status_excludes_a_response(shop, recorded, entries, left):
    chest, app = shop(exclude_status=entries)
    for path in ("/fine", "/moved", "/404", "/410", "/503"):
        app.test_client().get(path)
    assert [row["status_code"] for row in recorded(chest)] == left
    gone = 5 - len(left)
    assert chest.stats().excluded == ({"status": gone} if gone else {})
    assert chest.stats().sampled_out == 0


@pytest.mark.parametrize("propagates", [True, False])
def test_an_unhandled_exception_is_recorded_whatever_its_status(shop, recorded, propagates):
    chest, app = shop(exclude_status=["5xx"])
    app.testing = propagates
    if propagates:
        with pytest.raises(ZeroDivisionError):
            app.test_client().get("/broken")
    else:
        app.test_client().get("/broken")
    [row] = recorded(chest)
    assert row["error"] == "ZeroDivisionError"
    assert chest.stats().excluded == {}


def test_a_stream_is_excluded_by_its_status_unless_it_fails(make_chest, recorded):
    chest, app = make_chest(exclude_status=[200]), Flask("shop")

    def chunks(number):
        yield "a"
        yield str(1 // number)

    app.get("/<int:number>")(chest.track(lambda number: Response(chunks(number))))
    chest.init_app(app)
    app.test_client().get("/1").get_data()
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/0").get_data()
    assert [row["path"] for row in recorded(chest)] == ["/0"]


@pytest.mark.parametrize("entry", [99, 600, "40x", "xx", "6xx", "0xx", "all", "", True, "٤٠٤"])
def test_an_entry_that_is_no_status_is_refused(shop, entry):
    with pytest.raises(ConfigurationError, match="CHEST_EXCLUDE_STATUS"):
        shop(exclude_status=[404, entry])


# -- The hook ------------------------------------------------------------------------------------


class Dropper:
    def __init__(self, decide):
        self.decide = decide
        self.seen = []

    @hookimpl
    def chest_drop_record(self, record, request):
        self.seen.append((record, request.path))
        return self.decide(record)


@pytest.mark.parametrize(
    ("answer", "is_recorded"), [(True, False), (1, False), (False, True), (None, True)]
)
def test_the_hook_drops_a_record_that_it_has_seen_as_a_whole(shop, recorded, answer, is_recorded):
    dropper = Dropper(lambda _record: answer)
    chest, app = shop(dropper, release="1")
    response = app.test_client().get("/fine")
    rows = recorded(chest)
    assert len(rows) == is_recorded
    assert chest.stats().excluded == ({} if is_recorded else {"hook": 1})
    [(record, path)] = dropper.seen
    assert path == record["path"] == "/fine"
    assert record["request_id"] == response.headers["X-Request-ID"]
    assert record["variables"] == {"path": "fine", "app.release": "1"}
    assert {*record} == {*rows[0]} if rows else len(record) == 15


def test_the_hook_sees_no_secret_and_what_it_changes_is_not_stored(make_chest, recorded):
    class Changer:
        @hookimpl
        def chest_drop_record(self, record):
            assert record["variables"] == {"password": "[redacted]"}
            record["variables"]["password"] = record["path"] = "changed"

    chest, app = make_chest(), Flask("shop")
    chest.register_plugin(Changer())

    @app.get("/")
    @chest.track
    def view():
        g.password = "hunter2"
        return ""

    chest.init_app(app)
    app.test_client().get("/")
    [row] = recorded(chest)
    assert (row["path"], row["variables"]) == ("/", {"password": "[redacted]"})
    assert chest.stats().plugin_errors == {}


class Odd:
    def __bool__(self):
        raise ArithmeticError


@pytest.mark.parametrize("decide", [lambda record: record["missing"], lambda _record: Odd()])
def test_a_hook_that_raises_keeps_the_record(shop, recorded, decide):
    chest, app = shop(Dropper(decide))
    assert app.test_client().get("/fine").status_code == 200
    assert len(recorded(chest)) == 1
    assert chest.stats().plugin_errors == {"dropper: chest_drop_record": 1}
    assert chest.stats().excluded == {}


def test_another_plugin_may_drop_what_one_fails_at(make_chest, recorded):
    chest, app = make_chest(), Flask("shop")
    first, second = Dropper(lambda _record: True), Dropper(lambda _record: 1 / 0)
    chest.register_plugin(first, "first")
    chest.register_plugin(second, "second")  # the newest is called first
    app.get("/")(chest.track(lambda: ""))
    chest.init_app(app)
    app.test_client().get("/")
    assert recorded(chest) == []
    assert (len(first.seen), len(second.seen)) == (1, 1)


def test_variables_are_filtered_once_and_seen_by_no_hook_when_sampling_drops(make_chest, recorded):
    class Counting(Dropper):
        filtered = 0

        @hookimpl
        def chest_filter_variables(self, variables):
            variables.clear()
            self.filtered += 1

    dropper = Counting(lambda _record: False)
    chest, app = make_chest(), Flask("shop")
    chest.register_plugin(dropper)
    app.get("/all", endpoint="all")(chest.track(lambda: ""))
    app.get("/none", endpoint="none")(chest.track(sample_rate=0.0)(lambda: ""))
    chest.init_app(app)
    app.test_client().get("/all")
    app.test_client().get("/none")
    assert len(recorded(chest)) == 1
    assert (dropper.filtered, len(dropper.seen)) == (1, 1)
    assert (chest.stats().sampled_out, chest.stats().excluded) == (1, {})


def test_weights_count_no_request_that_was_excluded(shop, recorded):
    chest, app = shop(
        Dropper(lambda record: record["path"] == "/dropped"),
        max_records_per_second=2,
        exclude_status=[404],
    )
    client = app.test_client()
    for _ in range(50):
        for path in ("/kept", "/dropped", "/404"):
            client.get(path)
    # The last record of a second does not know yet what comes after it.
    rows = recorded(chest)
    assert {row["path"] for row in rows} == {"/kept"}
    assert sum(row["weight"] for row in rows) <= 50
    assert chest.stats().excluded == {"hook": 50, "status": 50}

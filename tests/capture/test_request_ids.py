"""Request IDs: their sources, what is refused, and where they show."""

from __future__ import annotations

import random
import re
import threading
import uuid
from types import SimpleNamespace

import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st

from flask_chest import current_request_id, hookimpl
from flask_chest.capture.request_ids import is_well_formed
from flask_chest.capture.trace_context import trace_id
from flask_chest.record import uuid7

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def serve_one(chest, app, serve, **track):
    """Serve `/`, tracked, which answers with the two ways to read the request ID."""
    chest.init_app(app)

    @app.get("/")
    @chest.track("n", **track)
    def view():
        return [g.request_id, current_request_id()]

    return serve(app)


def test_the_default_is_a_uuid7_shown_on_g_in_the_response_and_in_the_record(
    chest, app, serve, recorded
):
    response = serve_one(chest, app, serve).get("/")
    [row] = recorded(chest, 1)
    assert UUID7.fullmatch(row["request_id"])
    assert response.json() == [row["request_id"]] * 2
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert chest.stats().request_ids_replaced == 0


def test_a_routes_own_generator(chest, app, serve, recorded):
    client = serve_one(chest, app, serve, request_id=lambda request: f"shop{request.path}1")
    assert client.get("/").headers["X-Request-ID"] == "shop/1"
    assert recorded(chest, 1)[0]["request_id"] == "shop/1"


def test_several_requests_may_have_one_request_id(chest, app, serve, recorded):
    client = serve_one(chest, app, serve, request_id=lambda request: "same")
    client.get("/")
    client.get("/")
    assert [row["request_id"] for row in recorded(chest, 2)] == ["same", "same"]


def failing(request):
    raise RuntimeError("no ID today")


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        (failing, "raised RuntimeError"),
        (lambda request: None, "returned nothing"),
        (lambda request: 42, "a int, not a str"),
        (lambda request: [uuid.uuid4()], "a list, not a str"),
        (lambda request: b"bytes", "a bytes, not a str"),
        (lambda request: "", "0 characters"),
        (lambda request: "x" * 10_000, "10000 characters"),
        (lambda request: "two words", "9 characters"),
        (lambda request: "a\r\nSet-Cookie: b=c", "18 characters"),
        (lambda request: "zoë", "3 characters"),
    ],
)
def test_a_bad_generator_costs_nothing_but_a_counter(
    chest, app, serve, recorded, said, generator, reason
):
    response = serve_one(chest, app, serve, request_id=generator).get("/")
    assert response.status_code == 200
    [row] = recorded(chest, 1)
    assert UUID7.fullmatch(row["request_id"])
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert chest.stats().request_ids_replaced == 1
    [message] = said()
    assert reason in message
    assert "\n" not in message


def test_a_bad_generator_is_logged_once_a_minute_and_counted_each_time(
    chest, app, serve, recorded, said
):
    client = serve_one(chest, app, serve, request_id=failing)
    for _ in range(5):
        client.get("/")
    recorded(chest, 5)
    assert chest.stats().request_ids_replaced == 5
    assert len(said()) == 1


def test_a_hook_comes_before_the_routes_generator_and_may_pass(make_chest, app, serve, recorded):
    class Plugin:
        @hookimpl
        def chest_request_id(self, request):
            return request.headers.get("X-From-Hook")

    chest = make_chest()
    chest.register_plugin(Plugin())
    client = serve_one(chest, app, serve, request_id=lambda request: "from-route")
    client.get("/", headers={"X-From-Hook": "from-hook"})
    client.get("/")
    assert [row["request_id"] for row in recorded(chest, 2)] == ["from-hook", "from-route"]
    assert chest.stats().request_ids_replaced == 0


def test_a_hook_that_raises_leaves_it_to_the_next_source(make_chest, app, serve, recorded):
    chest = make_chest()
    chest.register_plugin(
        SimpleNamespace(chest_request_id=hookimpl(lambda request: 1 / 0)), "broken"
    )
    client = serve_one(chest, app, serve, request_id=lambda request: "from-route")
    assert client.get("/").headers["X-Request-ID"] == "from-route"
    stats = chest.stats()
    assert (stats.request_ids_replaced, stats.plugin_errors) == (1, {"broken: chest_request_id": 1})


def test_a_well_formed_inbound_id_is_taken_and_others_are_not(chest, app, serve, recorded):
    client = serve_one(chest, app, serve)
    assert client.get("/", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    for bad in ("", "two words", "x" * 256, "tab\tbed"):
        assert UUID7.fullmatch(
            client.get("/", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        )
    assert recorded(chest, 5)[0]["request_id"] == "abc-1"
    assert chest.stats().request_ids_replaced == 4


def test_inbound_ids_can_be_distrusted_and_the_header_renamed(make_chest, app, serve):
    chest = make_chest(trust_request_id=False, request_id_header="X-Correlation-ID")
    client = serve_one(chest, app, serve)
    response = client.get("/", headers={"X-Correlation-ID": "abc-1"})
    assert UUID7.fullmatch(response.headers["X-Correlation-ID"])
    assert "X-Request-ID" not in response.headers


def test_without_a_header_name_nothing_is_read_or_echoed(make_chest, app, serve):
    client = serve_one(make_chest(request_id_header=""), app, serve)
    response = client.get("/", headers={"X-Request-ID": "abc-1"})
    assert UUID7.fullmatch(response.json()[0])
    assert not [name for name in response.headers if "request" in name.lower()]


def test_the_header_that_a_view_set_gives_way_to_the_records_id(chest, app, serve, recorded):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        return "", 200, {"x-request-id": "another"}

    response = serve(app).get("/")
    assert response.headers.get_list("X-Request-ID") == [recorded(chest, 1)[0]["request_id"]]


def test_an_untracked_request_has_an_id_when_it_asks_for_one(chest, app, serve, recorded):
    chest.init_app(app)

    @app.get("/")
    def view():
        first = current_request_id()
        assert first == current_request_id()
        return first

    response = serve(app).get("/")
    assert UUID7.fullmatch(response.text)
    assert response.headers["X-Request-ID"] == response.text
    recorded(chest, 0)


def test_there_is_no_current_request_id_outside_of_a_request(chest, app):
    assert current_request_id() is None
    chest.init_app(app)
    with app.app_context():
        assert current_request_id() is None
    with app.test_request_context("/"):
        assert UUID7.fullmatch(current_request_id())


def test_a_g_request_id_of_the_applications_own_is_a_variable_like_others(
    chest, app, serve, recorded
):
    chest.init_app(app)

    @app.get("/")
    @chest.track
    def view():
        g.request_id = "mine"
        return ""

    response = serve(app).get("/")
    [row] = recorded(chest, 1)
    assert row["variables"] == {"request_id": "mine"}
    assert row["request_id"] == response.headers["X-Request-ID"] != "mine"


def test_uuid7_is_unique_across_threads_and_sorts_by_time():
    made = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda own=own: own.extend(uuid7() for _ in range(20_000)))
        for own in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for own in made for one in own]
    assert len(set(everything)) == 80_000
    for one in everything[:100]:
        parsed = uuid.UUID(one)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, one)
    early = uuid7()
    threading.Event().wait(0.002)
    assert early < uuid7()


@given(st.integers(0, 2**48 * 1_000 - 1))
def test_uuid7_has_its_time_in_milliseconds_and_4096ths_of_one(microseconds):
    parsed = uuid.UUID(uuid7(microseconds))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == microseconds // 1_000
    assert parsed.int >> 64 & 0xFFF == microseconds % 1_000 * 4_096 // 1_000


def test_uuid7_does_not_follow_the_applications_random_seed():
    ends = []
    for _ in range(2):
        random.seed(42)
        ends.append({uuid7()[-12:] for _ in range(200)})  # more than are made at once
    assert ends[0].isdisjoint(ends[1])


@given(st.text() | st.from_regex(r"[\x20-\x7f]*", fullmatch=True))
def test_a_well_formed_id_can_stand_in_a_header(text):
    if is_well_formed(text):
        assert 1 <= len(text) <= 255
        assert all(0x21 <= ord(character) <= 0x7E for character in text)


@given(st.text())
def test_no_header_makes_the_trace_id_raise(text):
    found = trace_id({"HTTP_TRACEPARENT": text})
    assert found is None or re.fullmatch("[0-9a-f]{32}", found)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever-comes", True),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", False),
    ],
)
def test_traceparent_is_read_by_the_letter_of_the_specification(header, expected):
    assert (trace_id({"HTTP_TRACEPARENT": header}) is not None) == expected


def test_a_middleware_that_replaces_the_response_of_an_untracked_request_keeps_its_id(chest, app):
    seen = []

    @app.get("/")
    def view():
        seen.append(g.request_id)
        return ""

    inner = app.wsgi_app

    def replacing(environ, start_response):
        inner(environ, lambda *_: None).close()
        start_response("503 SERVICE UNAVAILABLE", [("Content-Length", "0")])
        return []

    app.wsgi_app = replacing
    chest.init_app(app)
    assert app.test_client().get("/").headers["X-Request-ID"] == seen[0]

"""One record a request, complete and right, whatever the view does, over real HTTP."""

from __future__ import annotations

import re
import socket
import threading
import time

import httpx
import pytest
from flask import g, redirect, url_for

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_every_field_of_a_plain_request_is_right(chest, tracked, serve, recorded):
    @tracked.get("/orders/<int:order_id>")
    @chest.track("user_id", "cart_*")
    def order(order_id):
        g.user_id = "u-1"
        g.cart_total = 12.5
        g.not_asked_for = "x"
        time.sleep(0.02)
        return "ok"

    before = time.time()
    response = serve(tracked).get("/orders/7?token=secret")
    [row] = recorded(chest, 1)
    assert UUID7.fullmatch(row["id"])
    assert UUID7.fullmatch(row["request_id"])
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["started_at"])
    started = chest.store().query()[0].started_at.timestamp()
    assert before - 1 < started < time.time()
    assert 20 <= row["duration_ms"] < 5000
    assert row["instance"].startswith(f"{socket.gethostname()}:")
    assert {
        k: row[k] for k in row if k not in {"id", "request_id", "started_at", "duration_ms"}
    } == {
        "trace_id": None,
        "service": "shop",
        "instance": row["instance"],
        "endpoint": "order",
        "route": "/orders/<int:order_id>",
        "method": "GET",
        "path": "/orders/7",
        "status_code": 200,
        "error": None,
        "weight": 1.0,
        "variables": {"user_id": "u-1", "cart_total": 12.5},
    }


def test_a_redirect(chest, tracked, serve, recorded):
    @tracked.get("/old")
    @chest.track("to")
    def old():
        g.to = url_for("new")
        return redirect(g.to)

    @tracked.get("/new")
    def new():
        return ""

    assert serve(tracked).get("/old").status_code == 302
    [row] = recorded(chest, 1)
    assert (row["status_code"], row["variables"]) == (302, {"to": "/new"})


def test_a_trailing_slash_redirect_never_reaches_the_view_or_a_record(
    chest, tracked, serve, recorded
):
    @tracked.get("/list/")
    @chest.track
    def view():
        return ""

    assert serve(tracked).get("/list").status_code == 308
    recorded(chest, 0)


def test_head_and_automatic_options_are_recorded(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track("n")
    def view():
        g.n = 1
        return "body"

    client = serve(tracked)
    head, options = client.head("/"), client.options("/")
    assert (head.text, options.headers["Allow"]) == ("", options.headers["Allow"])
    rows = recorded(chest, 2)
    assert [(r["method"], r["status_code"], r["variables"]) for r in rows] == [
        ("HEAD", 200, {"n": 1}),
        ("OPTIONS", 200, {}),
    ]
    assert [r["request_id"] for r in rows] == [
        head.headers["X-Request-ID"],
        options.headers["X-Request-ID"],
    ]


@pytest.mark.parametrize(
    "value", [object(), float("nan"), "\0", "\ud800", {1: {2}}, lambda: None, type, 2**70]
)
def test_a_strange_value_costs_neither_the_request_nor_the_record(
    chest, tracked, serve, recorded, value
):
    @tracked.get("/")
    @chest.track("strange", "other")
    def view():
        g.strange, g.other = value, 1
        return "ok"

    assert serve(tracked).get("/").text == "ok"
    [row] = recorded(chest, 1)
    assert set(row["variables"]) == {"strange", "other"}


def test_an_object_that_a_pattern_caught_is_skipped_and_counted(chest, tracked, serve, recorded):
    class Session:
        def __repr__(self):
            raise AssertionError("never asked")

    @tracked.get("/")
    @chest.track
    def view():
        g.db, g.a = Session(), 1
        return ""

    serve(tracked).get("/")
    assert recorded(chest, 1)[0]["variables"] == {"a": 1}
    assert chest.stats().variables_skipped == 1


def test_strange_paths_are_recorded_safely(make_chest, app, serve, recorded):
    chest = make_chest(track_all=True)
    chest.init_app(app)
    client = serve(app)
    for path in ("/%00", "/%ff%fe", "/" + "a" * 20_000, "/%F0%9F%9A%80", "/a%0d%0ab"):
        client.get(path)
    rows = recorded(chest, 5)
    assert rows[0]["path"] == "/\ufffd"
    assert rows[2]["path"].endswith("…[cut, 20001 characters]")
    assert rows[3]["path"] == "/🚀"
    assert rows[4]["path"] == "/a\r\nb"


def test_the_trace_id_of_a_traceparent_header(chest, tracked, serve, recorded):
    @tracked.get("/")
    @chest.track
    def view():
        return ""

    client = serve(tracked)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for header in (
        f"00-{trace}-00f067aa0ba902b7-01",
        "rubbish",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
    ):
        client.get("/", headers={"traceparent": header})
    assert [r["trace_id"] for r in recorded(chest, 3)] == [trace, None, None]


def test_several_threads_at_once_record_each_request_once(chest, tracked, serve, recorded):
    @tracked.get("/<int:n>")
    @chest.track("n")
    def view(n):
        g.n = n
        return ""

    base = str(serve(tracked).base_url)
    ids = []

    def visit(worker):
        with httpx.Client(base_url=base) as client:
            for number in range(50):
                response = client.get(f"/{worker * 50 + number}")
                ids.append(response.headers["X-Request-ID"])

    workers = [threading.Thread(target=visit, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = recorded(chest, 200)
    assert sorted(r["variables"]["n"] for r in rows) == list(range(200))
    assert sorted(r["request_id"] for r in rows) == sorted(ids)
    assert len({r["id"] for r in rows}) == 200


def test_capture_logs_nothing_at_all_on_the_good_path(chest, tracked, serve, recorded, said):

    @tracked.get("/")
    @chest.track
    def view():
        return ""

    serve(tracked).get("/")
    recorded(chest, 1)
    assert said() == []

"""Tracked functions that are called in a request's context which no served request has pushed."""

from __future__ import annotations

import asyncio
import threading

import pytest
from flask import Response, copy_current_request_context, g, request, stream_with_context

from flask_chest import current_request_id


@pytest.fixture
def handler(chest):
    @chest.track("late")
    def on_event():
        g.late = True
        return "done"

    return on_event


@pytest.fixture
def complaints(said):
    def found():
        return [message for message in said() if "chest.job" in message]

    return found


class Events:
    """A middleware that handles events in a context with the environ of their handshake."""

    def __init__(self, app, handle):
        self.app, self.inner, self.handle = app, app.wsgi_app, handle
        self.handshake = None

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/open":
            self.handshake = environ.copy()
            self.event()  # as long as the handshake lasts
            thread = threading.Thread(target=self.event)
            thread.start()
            thread.join()
            start_response("200 OK", [("Content-Length", "0")])
            return [b""]
        return self.inner(environ, start_response)

    def event(self):
        with self.app.request_context(self.handshake):
            assert self.handle() == "done"
            assert current_request_id()


@pytest.mark.parametrize("raise_errors", [False, True])
@pytest.mark.parametrize("middleware", ["inside", "outside"])
@pytest.mark.parametrize("routes", ["none", "any path", "any path, all tracked"])
def test_the_handler_of_an_event_is_said_once_and_leaves_no_record(
    make_chest, app, serve, recorded, said, raise_errors, middleware, routes
):
    chest = make_chest(raise_errors=raise_errors, track_all="all" in routes)

    @chest.track("late")
    def on_event():
        g.late = True
        return "done"

    @app.get("/")
    @chest.track("user_id")
    def index():
        g.user_id = "u-1"
        return "ok"

    if routes == "any path":
        app.add_url_rule("/<path:anything>", "page", lambda anything: anything)

    if middleware == "outside":
        chest.init_app(app)
    events = app.wsgi_app = Events(app, on_event)
    if middleware == "inside":
        chest.init_app(app)
    client = serve(app)
    assert client.get("/open").status_code == 200
    events.event()  # long after
    assert client.get("/").text == "ok"
    [row] = recorded(chest, 1)
    assert (row["path"], row["variables"]) == ("/", {"user_id": "u-1"})
    [message] = [message for message in said() if "on_event" in message]
    assert "chest.job" in message
    assert "chest.record" in message


def test_a_test_request_context_is_said(tracked, handler, complaints):
    tracked.add_url_rule("/", "view", handler)
    with tracked.test_request_context("/"):
        assert handler() == "done"
        assert handler() == "done"
    assert len(complaints()) == 1


def test_a_request_that_flask_serves_in_a_test_request_context_is_recorded(
    chest, tracked, handler, complaints, recorded
):
    tracked.add_url_rule("/", "view", handler)
    with tracked.test_request_context("/"):
        assert tracked.full_dispatch_request().status_code == 200
    [row] = recorded(chest, 1)
    assert row["variables"] == {"late": True}
    assert not complaints()


def test_a_context_of_its_own_within_a_view_is_said(tracked, serve, handler, complaints):
    @tracked.get("/")
    def view():
        with tracked.test_request_context("/"):
            return handler()

    assert serve(tracked).get("/").text == "done"
    assert len(complaints()) == 1


@pytest.mark.parametrize("is_tracked", [True, False])
def test_a_thread_that_outlives_its_request_is_said(
    chest, tracked, serve, handler, complaints, is_tracked
):
    is_over, threads = threading.Event(), []

    def view():
        @copy_current_request_context
        def work():
            is_over.wait(30)
            handler()

        threads.append(threading.Thread(target=work))
        threads[0].start()
        return "ok"

    tracked.add_url_rule("/", "view", chest.track(view) if is_tracked else view)
    assert serve(tracked).get("/").text == "ok"
    tracked.wsgi_app({**_environ(tracked)}, lambda *_: None).close()  # the first is over by now
    is_over.set()
    for thread in threads:
        thread.join(30)
    assert len(complaints()) == 1


def _environ(app):
    with app.test_request_context("/nowhere"):
        return request.environ


def test_a_thread_of_a_request_that_is_served_is_recorded_quietly(
    chest, tracked, serve, handler, complaints, recorded
):
    @tracked.get("/")
    def view():
        thread = threading.Thread(target=copy_current_request_context(handler))
        thread.start()
        thread.join(30)
        return "ok"

    assert serve(tracked).get("/").text == "ok"
    assert len(recorded(chest, 1)) == 1
    assert not complaints()


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "2"}])
def test_a_stream_of_a_tracked_view_is_quiet(
    chest, tracked, serve, handler, complaints, recorded, headers
):
    @tracked.get("/")
    @chest.track("late")
    def view():
        def parts():
            yield "ok"
            handler()

        return Response(stream_with_context(parts()), headers=headers)

    assert serve(tracked).get("/").text == "ok"
    recorded(chest, 1)
    assert not complaints()


def test_a_stream_of_an_untracked_view_comes_too_late_and_is_said(
    tracked, serve, handler, complaints
):
    @tracked.get("/")
    def view():
        def parts():
            yield handler()

        return Response(stream_with_context(parts()))

    assert serve(tracked).get("/").text == "done"
    assert len(complaints()) == 1


def test_an_error_handler_of_a_path_without_a_route_is_recorded_quietly(
    chest, tracked, serve, handler, complaints, recorded
):
    tracked.errorhandler(404)(lambda _error: handler())
    assert serve(tracked).get("/nowhere").text == "done"
    [row] = recorded(chest, 1)
    assert row["route"] is None
    assert not complaints()


def test_an_async_view_that_calls_a_tracked_function_is_recorded_quietly(
    chest, tracked, serve, handler, complaints, recorded
):
    @tracked.get("/")
    async def view():
        await asyncio.sleep(0)
        return handler()

    assert serve(tracked).get("/").text == "done"
    [row] = recorded(chest, 1)
    assert row["variables"] == {"late": True}
    assert not complaints()


def test_a_server_with_an_application_of_before_is_recorded_quietly(
    chest, app, serve, handler, complaints, recorded
):
    made_before = app.wsgi_app
    chest.init_app(app)
    app.add_url_rule("/", "view", handler)
    assert serve(made_before).get("/").text == "done"
    [row] = recorded(chest, 1)
    assert row["variables"] == {"late": True}
    assert not complaints()

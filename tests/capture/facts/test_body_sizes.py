"""Sizes of the bodies of request and response, and the time of the first byte."""

from __future__ import annotations

import time

import pytest
from flask import Response, request


def test_the_size_of_a_request_is_its_announced_length_or_what_was_read(chest, app, recorded):
    @app.post("/read")
    @chest.track("request.bytes")
    def read():
        request.get_data()
        return ""

    app.post("/ignored", endpoint="ignored")(chest.track("request.bytes")(lambda: ""))
    chest.init_app(app)
    client = app.test_client()
    overrides = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    chunked = {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": overrides}
    client.post("/ignored", data=b"12345")
    client.post("/ignored")
    client.post("/ignored", data=b"12345", **chunked)
    client.post("/read", data=b"12345", **chunked)
    client.post("/ignored", environ_overrides={"CONTENT_LENGTH": "many"})
    client.post("/ignored", environ_overrides={"CONTENT_LENGTH": "", "SERVER_PROTOCOL": "HTTP/2"})
    sizes = [row["variables"]["request.bytes"] for row in recorded(chest, 6)]
    assert sizes == [5, 0, None, 5, None, None]


def without_length():
    response = Response("hello")
    response.automatically_set_content_length = False
    return response


def failing():
    yield b"hel"
    raise OSError


SIZES = {
    "whole": ("hello", 5),
    "text": ("größe", 7),
    "empty": ("", 0),
    "without length": (without_length, 5),
    "stream": (lambda: Response(iter([b"", b"he", b"llo"])), 5),
    "announced": (lambda: Response(iter([b"he", b"llo"]), headers={"Content-Length": "5"}), 5),
    "empty stream": (lambda: Response(iter([b""])), 0),
    "no content": (("ignored", 204), 0),
    "not modified": (("ignored", 304), 0),
}


@pytest.mark.parametrize(("answer", "size"), SIZES.values(), ids=SIZES)
def test_the_size_of_a_response_is_that_of_the_body_as_sent(
    app, chest, serve, recorded, answer, size
):
    app.get("/")(
        chest.track("response.bytes", "response.first_byte_ms")(
            lambda: answer() if callable(answer) else answer
        )
    )
    chest.init_app(app)
    client = serve(app)
    assert len(client.get("/").content) == size
    client.head("/")
    rows = recorded(chest, 2)
    assert [row["variables"]["response.bytes"] for row in rows] == [size, 0]


def test_a_body_that_fails_has_the_size_that_was_sent(app, chest, recorded):
    chest.init_app(app)
    app.get("/")(chest.track("response.bytes")(lambda: Response(failing())))
    with pytest.raises(OSError):  # noqa: PT011 - it has no text
        app.test_client().get("/").get_data()
    [row] = recorded(chest, 1)
    assert (row["variables"], row["error"]) == ({"response.bytes": 3}, "OSError")


def test_a_body_that_nobody_reads_has_no_byte(app, chest, recorded):
    chest.init_app(app)
    names = ("response.bytes", "response.first_byte_ms")
    app.get("/")(
        chest.track(*names)(lambda: Response(iter([b"12345"]), headers={"Content-Length": "5"}))
    )
    environ = app.test_client().get("/", buffered=True).request.environ
    app.wsgi_app(environ, lambda *_: None).close()
    [read, closed] = recorded(chest, 2)
    assert read["variables"]["response.bytes"] == 5
    assert closed["variables"] == {"response.bytes": 0, "response.first_byte_ms": None}


def test_without_a_response_there_is_neither_size_nor_first_byte(app, chest, recorded):
    chest.init_app(app)
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.get("/")
    @chest.track("response.*", "request.host")
    def view():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {
        "response.bytes": None,
        "response.first_byte_ms": None,
        "request.host": "localhost",
    }


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "5"}])
def test_the_first_byte_of_a_stream_is_that_of_the_first_chunk_that_has_one(
    app, chest, serve, recorded, headers
):
    def chunks():
        time.sleep(0.05)
        yield b""
        time.sleep(0.05)
        yield b"he"
        time.sleep(0.2)
        yield b"llo"

    chest.init_app(app)
    app.get("/")(chest.track("response.first_byte_ms")(lambda: Response(chunks(), headers=headers)))
    assert serve(app).get("/").text == "hello"
    [row] = recorded(chest, 1)
    first = row["variables"]["response.first_byte_ms"]
    assert first >= 100
    assert row["duration_ms"] >= first + 200
    assert first == round(first, 3)


def test_the_first_byte_of_a_whole_body_is_there_when_it_is_returned(ask):
    def answer():
        time.sleep(0.05)
        return "hello"

    assert ask("response.first_byte_ms", answer=answer)["response.first_byte_ms"] >= 50


@pytest.mark.parametrize("rest", [b"", b"lo"])
@pytest.mark.parametrize("kind", [list, iter])
def test_what_a_middleware_passes_to_write_is_counted(app, chest, serve, recorded, rest, kind):
    app.add_url_rule("/", "index", chest.track("response.bytes")(lambda: "hello"))
    inner = app.wsgi_app

    def writing(environ, start_response):
        given = []

        def start(*arguments):
            given.append(start_response(*arguments))
            return given[0]

        body = inner(environ, start)
        content = b"".join(body)
        body.close()
        given[0](content[: len(content) - len(rest)])
        return kind([rest] if rest else [])

    app.wsgi_app = writing
    chest.init_app(app)
    assert serve(app).get("/").text == "hello"
    [row] = recorded(chest, 1)
    assert row["variables"] == {"response.bytes": 5}

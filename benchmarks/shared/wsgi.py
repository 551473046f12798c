"""Calls a WSGI application directly, so that no server is measured."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Flask
from werkzeug.test import EnvironBuilder


def cold(number: int) -> int:
    """Return how many requests come before a turn and are not measured.

    They fill the caches again after another process had the core.
    """
    return (number + 1) // 2


def server(app: Flask) -> Callable[[int], float]:
    """Return a function that serves a number of requests and returns the microseconds of one."""
    builder = EnvironBuilder("/", headers=[("User-Agent", "bench/1.0"), ("Accept", "*/*")])
    environ = {**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1"}

    def start_response(status: str, headers: object, exc_info: object = None) -> None:
        del headers, exc_info
        if not status.startswith("200"):
            raise RuntimeError(status)

    def run(number: int) -> None:
        for _ in range(number):
            body = app(dict(environ), start_response)  # type: ignore[arg-type]
            for _chunk in body:
                pass
            getattr(body, "close", lambda: None)()

    def serve(number: int) -> float:
        run(cold(number))
        began = time.perf_counter()
        run(number)
        return (time.perf_counter() - began) / number * 1e6

    return serve

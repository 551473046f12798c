"""The same as Flask-Chest written by hand, and less.

`in_hooks` and `least` write one line of JSON with three variables before each response. Neither has
rules for values, follows a streamed response, survives a full disk, or delivers anything.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from pydantic_core import to_json

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExceptionInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NAMES = ("user_id", "tenant", "cost_cents")
NUMBERS = Random(1).getrandbits  # noqa: S311 - no secrets


def opened(path: Path) -> int:
    """Return the descriptor of a new file, opened for appending."""
    return os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)


def in_hooks(app: Flask, path: Path) -> None:
    """Record each request in `before_request` and `after_request`."""
    descriptor = opened(path)

    @app.before_request
    def begin() -> None:
        g.request_id = str(uuid.uuid4())
        g.started_at = datetime.now(timezone.utc)
        g.clock = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        record = {
            "id": g.request_id,
            "endpoint": request.endpoint,
            "route": request.url_rule and request.url_rule.rule,
            "method": request.method,
            "path": request.path,
            "status_code": response.status_code,
            "started_at": g.started_at,
            "duration_ms": (time.perf_counter() - g.clock) * 1e3,
            "variables": {name: g.get(name) for name in NAMES},
        }
        response.headers["X-Request-ID"] = g.request_id
        os.write(descriptor, to_json(record) + b"\n")
        return response


def least(app: Flask, path: Path) -> None:
    """Record hardly more than the variables, in a minimal middleware."""
    descriptor = opened(path)
    application: Callable[..., Any] = app.wsgi_app
    current = g._get_current_object  # noqa: SLF001 - documented by Flask
    clock_ns, now_ns, write = time.perf_counter_ns, time.time_ns, os.write

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began, request_id = clock_ns(), f"{NUMBERS(128):032x}"

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: ExceptionInfo | None = None,
            /,
        ) -> Callable[[bytes], object]:
            headers.append(("X-Request-ID", request_id))
            record = {
                "id": request_id,
                "path": environ["PATH_INFO"],
                "status": status,
                "started_ns": now_ns(),
                "duration_ns": clock_ns() - began,
                "variables": current().__dict__,
            }
            write(descriptor, to_json(record) + b"\n")
            return start_response(status, headers, exc_info)

        answer: Iterable[bytes] = application(environ, start)
        return answer

    app.wsgi_app = serve  # type: ignore[method-assign] # as Flask documents it


def nothing(app: Flask) -> None:
    """Wrap the application in a middleware that only wraps `start_response`."""
    application: Callable[..., Any] = app.wsgi_app

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: ExceptionInfo | None = None,
            /,
        ) -> Callable[[bytes], object]:
            return start_response(status, headers, exc_info)

        answer: Iterable[bytes] = application(environ, start)
        return answer

    app.wsgi_app = serve  # type: ignore[method-assign] # as Flask documents it

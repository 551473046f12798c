"""The objects that Flask's proxies stand for. Access through a proxy takes ten times as long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import flask

if TYPE_CHECKING:
    from flask import Flask, Request


def _object_of(proxy: Any) -> Callable[[], Any]:  # noqa: ANN401 - typed where it is used
    """Return the function that returns the object of a proxy; it raises RuntimeError without one.

    The name has an underscore so that it hides no attribute of the object. Flask documents it:
    https://flask.palletsprojects.com/en/stable/reqcontext/#notes-on-proxies
    """
    return proxy._get_current_object  # type: ignore[no-any-return]  # noqa: SLF001 - see above


app: Callable[[], Flask] = _object_of(flask.current_app)
request: Callable[[], Request] = _object_of(flask.request)
g: Callable[[], Any] = _object_of(flask.g)

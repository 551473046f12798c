"""The objects that Flask's proxies stand for. Access through a proxy takes ten times as long."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.local import LocalProxy

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


def resolved(variables: Mapping[str, object]) -> dict[str, object]:
    """Return the objects that proxies among variables stand for, by name, where there are any."""
    found: dict[str, object] = {}
    variables = dict(variables)  # in one step: another thread may put something on `g`
    # `isinstance` would ask the objects behind them.
    kinds = {kind for kind in set(map(type, variables.values())) if issubclass(kind, LocalProxy)}
    for name, value in variables.items() if kinds else ():
        if type(value) in kinds:
            # Whatever it raises, it is the application's, and says that there is no object now.
            with contextlib.suppress(Exception):
                found[name] = _object_of(value)()
    return found

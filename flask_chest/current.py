"""The objects behind Flask's proxies. Each access through a proxy costs ten times as much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask

if TYPE_CHECKING:
    from flask import Flask, Request


def app() -> Flask:
    """Return the current application."""
    return _behind(flask.current_app)  # type: ignore[no-any-return]


def request() -> Request:
    """Return the current request."""
    return _behind(flask.request)  # type: ignore[no-any-return]


def variables() -> Any:  # noqa: ANN401 - it has whatever attributes the routes give it
    """Return the object behind `flask.g`."""
    return _behind(flask.g)


def _behind(proxy: Any) -> Any:  # noqa: ANN401 - proxies are typed as what they stand for
    return proxy._get_current_object()  # noqa: SLF001 - documented by Flask

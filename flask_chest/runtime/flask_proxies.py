"""The objects behind Flask's proxies. Each access through a proxy costs ten times as much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import flask

if TYPE_CHECKING:
    from flask import Flask, Request


def _behind(proxy: Any) -> Callable[[], Any]:  # noqa: ANN401 - typed as what it stands for
    return proxy._get_current_object  # type: ignore[no-any-return]  # noqa: SLF001 - documented by Flask


app: Callable[[], Flask] = _behind(flask.current_app)
request: Callable[[], Request] = _behind(flask.request)
variables: Callable[[], Any] = _behind(flask.g)

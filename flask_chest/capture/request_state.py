"""What is known of a request while it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.rules import Plan


class Tracked:
    """One request on its way through the application.

    `request` is None until it is known that the request is tracked, and again once its record is
    complete. `generation` tells the process in which it began, which alone records it.
    `identity` is the record's ID; `headers` are those of the response. `clock_ns` is the monotonic
    clock at its start in nanoseconds, and `started_us` the Unix time in microseconds. `hidden` has
    the variables that were put on `flask.g` in a block that is not to be recorded.
    """

    clock_ns: int = 0
    error: BaseException | None = None
    generation: int = 0
    globals: Any = None
    headers: Sequence[tuple[str, str]] = ()
    hidden: Mapping[str, object] | None = None
    identity: str = ""
    is_suppressed: bool = False
    plan: Plan | None = None
    request: Request | None = None
    request_id: str | None = None
    started_us: int = 0
    status: int | None = None
    trace_id: str | None = None

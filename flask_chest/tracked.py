"""What is known of a request while it is served."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.plans import Plan


class Tracked:
    """One request on its way through the application.

    `request` is None until it is known that the request is tracked, and again once its record is
    complete. `generation` tells the process in which it began, which alone
    records it. `identity` is the record's ID; `length` is the announced one of the body in bytes.
    `hidden` has the variables that were put on `flask.g` in a block that is not to be recorded.
    """

    error: BaseException | None = None
    generation: int = 0
    globals: Any = None
    hidden: Mapping[str, object] | None = None
    identity: str = ""
    is_suppressed: bool = False
    length: int | None = None
    plan: Plan | None = None
    request: Request | None = None
    request_id: str | None = None
    status: int | None = None
    trace_id: str | None = None

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self.clock_ns = time.perf_counter_ns()

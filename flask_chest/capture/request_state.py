"""What is known of one request while it is served, or of one job while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.capture.record_line import Subject
    from flask_chest.capture.rules import Plan


class RequestState:
    """The state of one request on its way through the application, or of one job.

    The defaults belong to the class: to set each of them costs more than all else that is done for
    an untracked request.

    Attributes:
        clock_ns: Monotonic clock at the start of the request, in nanoseconds.
        duration_ns: Nanoseconds from the start of the request until its record is complete.
        error: Unhandled exception, or None.
        generation: Number of forks before the process in which the record began. No other process
            writes the record.
        globals: The object that `flask.g` stands for.
        headers: Headers of the response.
        hidden: Variables that were put on `flask.g` within `chest.suppressed()`.
        identity: ID of the record.
        is_dropped: Whether the request leaves no record.
        plan: What is taken from the request; None when the request is not tracked.
        request: The Flask request, while its record is open: None before it is known that the
            request is tracked, and None again after its record is complete.
        request_id: ID of the request; None until it is made.
        started_us: Unix time at the start of the request, in microseconds.
        status: Status code of the response; None when the application sent none.
        subject: What the record of a job is about, while it is open; None for a request, whose own
            is read at its end.
        trace_id: 32 hexadecimal digits, or None.
    """

    clock_ns: int = 0
    duration_ns: int = 0
    error: BaseException | None = None
    generation: int = 0
    globals: Any = None
    headers: Sequence[tuple[str, str]] = ()
    hidden: Mapping[str, object] | None = None
    identity: str = ""
    is_dropped: bool = False
    plan: Plan | None = None
    request: Request | None = None
    request_id: str | None = None
    started_us: int = 0
    status: int | None = None
    subject: Subject | None = None
    trace_id: str | None = None

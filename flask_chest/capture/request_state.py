"""What is known of one request while it is served, or of one job while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Context
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
        context: A copy of the context variables while the request's context was there. Proxies
            such as `current_user` can be read in it until the record is complete.
        duration_ns: Nanoseconds from the start of the request until its record is complete.
        error: Exception that Flask or a plugin reported, or that ended the request; or None.
        first_byte_ns: Monotonic clock when the server got the first of a body, or a whole one; None
            when it has none, or no fact needs it.
        generation: Number of forks before the process in which the record began. No other process
            writes the record.
        globals: The object that `flask.g` stands for.
        headers: Headers of the response.
        hidden: Variables that were put on `flask.g` within `chest.suppressed()`.
        identity: ID of the record.
        is_counted: Whether it is counted already that the request is excluded.
        is_decided: Whether Flask has started the response of the request, so that it is known
            whether the request is tracked.
        is_dropped: Whether the request leaves no record.
        is_followed: Whether the middleware follows the request.
        plan: What is taken from the request; None as long as the request is not tracked.
        request: The Flask request, while its record is open: None before it is known that the
            request is tracked, and None again after its record is complete.
        request_id: ID of the request; None until it is made.
        resolved: The objects that proxies on `flask.g` stand for, by name; None when there is none.
        sent_bytes: Bytes of the body that the server got; None when no fact needs their number.
        started_us: Unix time at the start of the request, in microseconds.
        status: Status code of the response; None when the application sent none.
        subject: What the record is about, while it is open; None before, and again after.
        trace_id: 32 hexadecimal digits, or None.
    """

    clock_ns: int = 0
    context: Context | None = None
    duration_ns: int = 0
    error: BaseException | None = None
    first_byte_ns: int | None = None
    generation: int = 0
    globals: Any = None
    headers: Sequence[tuple[str, str]] = ()
    hidden: Mapping[str, object] | None = None
    identity: str = ""
    is_counted: bool = False
    is_decided: bool = False
    is_dropped: bool = False
    is_followed: bool = True
    plan: Plan | None = None
    request: Request | None = None
    request_id: str | None = None
    resolved: Mapping[str, object] | None = None
    sent_bytes: int | None = None
    started_us: int = 0
    status: int | None = None
    subject: Subject | None = None
    trace_id: str | None = None


class UnfollowedState(RequestState):
    """The state of a request that reached Flask past the middleware.

    Attributes:
        is_answered: Whether Flask has made the response, so that the end of the request's context
            completes the record.
        is_attached: Whether Flask's hooks follow the request.
    """

    is_followed = False
    is_answered: bool = False
    is_attached: bool = False

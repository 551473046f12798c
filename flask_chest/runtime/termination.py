"""Lets a SIGTERM that would end the process at once wait for a moment."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Let a SIGTERM end the process after the `with` block instead of in it.

    Where the application has a handler of its own, or in another thread than the main one, which
    can set none, nothing is changed.
    """
    came: list[int] = []

    def note(number: int, _frame: object) -> None:
        came.append(number)

    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, note)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), signal.SIGTERM)

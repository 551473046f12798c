"""Which exceptions stop more than the code that raised them."""

from __future__ import annotations

import sys
from typing import Final

_OF_THE_PROCESS: Final = (KeyboardInterrupt, SystemExit)
"""A signal handler raises them in whatever code runs, such as Gunicorn's on SIGABRT."""

_OF_GREEN_THREADS: Final = (
    ("greenlet", "GreenletExit"),
    ("gevent", "Timeout"),
    ("eventlet", "Timeout"),
)
"""Raised from outside in whatever code runs: a greenlet is killed, or a block took too long."""


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error is not the fault of the code that raised it, and has to pass.

    It belongs to the process, or to the application that set a timeout around the request.
    """
    if isinstance(error, Exception):
        return False
    if isinstance(error, _OF_THE_PROCESS):
        return True
    for module, name in _OF_GREEN_THREADS:  # looked up, never imported
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False

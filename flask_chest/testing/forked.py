"""Run a function in a forked child, which may be killed at any moment."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import from_json, to_json

_LONGEST_SECONDS: Final = 120


class Child:
    """A forked child that runs a function. It is there at once, and `wait` returns its answer.

    Args:
        run: Gets a function that answers before the end, for one that is killed. What it returns
            is the answer otherwise. An answer can be encoded as JSON.
    """

    def __init__(self, run: Callable[[Callable[[Any], None]], Any]) -> None:
        self._answers, writer = os.pipe()
        with warnings.catch_warnings():
            # A driver of this process may have threads, of which Python warns at a fork.
            warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
            self._pid = os.fork()
        if self._pid:
            os.close(writer)
            return
        signal.alarm(_LONGEST_SECONDS)  # ends it, wherever it hangs

        def answer(found: Any) -> None:  # noqa: ANN401 - whatever JSON has
            content = to_json(found)
            while content:
                content = content[os.write(writer, content) :]

        try:
            answer(run(answer))
        except BaseException as error:  # noqa: BLE001 - the parent tells of it
            answer({"fault": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(0)

    def wait(self) -> Any:  # noqa: ANN401 - whatever JSON has
        """Return the answer, once the child has ended; None when it has not given one."""
        with open(self._answers, "rb") as file:  # noqa: PTH123 - a descriptor
            content = file.read()
        _, status = os.waitpid(self._pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            return {"fault": f"it had not ended after {_LONGEST_SECONDS} seconds"}
        return from_json(content) if content else None

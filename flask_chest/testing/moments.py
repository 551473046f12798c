"""The moments of a call at which it can be interrupted. Python's own profiler finds them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Collection
from pathlib import PurePath
from types import FrameType, ModuleType, TracebackType
from typing import Any, Final, NamedTuple

from typing_extensions import Self

_MAY_FAIL: Final = frozenset(
    (
        *("open", "read", "readinto", "readline", "write", "writelines", "pwrite", "writev"),
        *("flush", "fsync", "fdatasync", "truncate", "ftruncate", "rename", "replace", "link"),
        *("symlink", "unlink", "remove", "mkdir", "connect", "send", "sendall", "sendmsg"),
        *("recv", "recv_into"),
    )
)
"""Functions that reach the operating system, and raise an OSError when it cannot do what they ask.

Not `close`: a file that could not be closed would stay open, which no real failure does.
"""

_REACH_SYSTEM: Final = _MAY_FAIL | {
    *("close", "__exit__", "flock", "lockf", "fcntl", "rmdir", "execute", "executemany", "commit")
}
_IN_MEMORY: Final = (io.BytesIO, io.StringIO)


class Moment(NamedTuple):
    """The moment before a call of the operating system, or before a line."""

    place: str
    is_call: bool
    may_fail: bool

    def __str__(self) -> str:
        return f"before {self.place}"


class Moments:
    """Calls a function at each moment of a `with` block, in its thread.

    Args:
        at: What the function raises is raised there.
        packages: Of whose modules each line is a moment; of all others only the calls of the
            operating system.
    """

    def __init__(self, at: Callable[[Moment], None], packages: Collection[str] = ()) -> None:
        self._at = at
        self._packages = packages

    def __enter__(self) -> Self:
        if self._packages:
            sys.settrace(self._entered)
        sys.setprofile(self._called)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.setprofile(None)
        if self._packages:
            sys.settrace(None)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401 - as CPython has it
        if event != "c_call" or frame.f_code.co_filename.startswith("<frozen importlib"):
            return
        name = getattr(function, "__name__", "")
        if name not in _REACH_SYSTEM:
            return
        owner = getattr(function, "__self__", None)
        kind = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
        if kind != "builtins" and not isinstance(owner, _IN_MEMORY):
            self._at(Moment(f"{name}() in {_place(frame)}", True, name in _MAY_FAIL))

    def _entered(self, frame: FrameType, *_: object) -> Any:  # noqa: ANN401 - as typeshed has it
        module = str(frame.f_globals.get("__name__", ""))
        return self._line if module.partition(".")[0] in self._packages else None

    def _line(self, frame: FrameType, event: str, *_: object) -> Any:  # noqa: ANN401 - as typeshed has it
        if event == "line":
            self._at(Moment(_place(frame), False, False))
        return self._line


def _place(frame: FrameType) -> str:
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"

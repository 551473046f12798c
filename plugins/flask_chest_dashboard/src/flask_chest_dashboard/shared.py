"""`Shared`: answers that viewers share for a moment, and that are asked for once."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

_Answer = TypeVar("_Answer")

_MOST: Final = 500
"""Answers that are kept."""

_MOST_WAITING: Final = 4
"""Threads that may wait long, as each is one of the application's. More wait for a moment only."""

_MOMENT_SECONDS: Final = 3.0


class Busy(Exception):
    """As many questions are asked already as may be at a time."""


class _Pending:
    """An answer that is being asked for, or that is there."""

    def __init__(self) -> None:
        self.is_there = threading.Event()
        self.until = 0.0
        self.answer: Any = None
        self.error: BaseException | None = None


class Shared:
    """Keeps answers for a moment; from any thread.

    Whoever asks the same while an answer is on its way waits for that one.

    Args:
        seconds: How long an answer is used again.
        at_a_time: Most questions that are asked at the same time, so that the threads of the
            application, and its database, are left to the application.
        patience_seconds: How long a question waits until it may be asked, unless many wait.
    """

    def __init__(
        self, *, seconds: float = 2.0, at_a_time: int = 2, patience_seconds: float = 20.0
    ) -> None:
        self._seconds = seconds
        self._patience_seconds = patience_seconds
        self._at_a_time = at_a_time
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        """Begin with nothing: what a parent process is asking never ends in a forked one."""
        self._places = threading.BoundedSemaphore(self._at_a_time)
        self._lock = threading.Lock()
        self._waiting = 0
        self._known: OrderedDict[Hashable, _Pending] = OrderedDict()

    def ask(
        self, key: Hashable, question: Callable[[], _Answer], seconds: float | None = None
    ) -> _Answer:
        """Return the answer to a question. It must not be changed, as others have it, too.

        Args:
            key: The same for the same question.
            question: Called without the lock, at most once at a time for each key.
            seconds: How long the answer is used again; None for as long as all.

        Raises:
            Busy: Too many other questions are being asked.
            Exception: What `question` raises, for all who wait for it.
        """
        with self._lock:
            known = self._known.get(key)
            if known is None or (known.is_there.is_set() and known.until < time.monotonic()):
                known, is_mine = _Pending(), True
                self._known[key] = known
                self._known.move_to_end(key)
                self._forget()
            else:
                is_mine = False
        if is_mine:
            self._answer(key, known, question, self._seconds if seconds is None else seconds)
        elif not known.is_there.is_set():
            with self._patience() as patience:
                if not known.is_there.wait(patience * 2):
                    raise Busy
        if known.error is not None:
            raise known.error
        return known.answer  # type: ignore[no-any-return] # of the question with this key

    def _forget(self) -> None:
        """Drop answers that nobody will see again: they may be of many megabytes."""
        now = time.monotonic()
        over = [
            key for key, each in self._known.items() if each.is_there.is_set() and each.until < now
        ]
        for key in over:
            del self._known[key]
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def forget(self) -> None:
        """Ask everything again, except what is being asked for."""
        with self._lock:
            for key in [key for key, each in self._known.items() if each.is_there.is_set()]:
                del self._known[key]

    def _answer(
        self,
        key: Hashable,
        pending: _Pending,
        question: Callable[[], object],
        seconds: float,
    ) -> None:
        try:
            with self._place():
                pending.answer = question()
            pending.until = time.monotonic() + seconds
        except BaseException as error:  # noqa: BLE001 - raised by `ask`, for all who wait
            pending.error = error
            with self._lock:
                if self._known.get(key) is pending:
                    del self._known[key]
        finally:
            pending.is_there.set()

    @contextmanager
    def _place(self) -> Iterator[None]:
        places = self._places  # another after a fork
        if not places.acquire(blocking=False):
            with self._patience() as seconds:
                if not places.acquire(timeout=seconds):
                    raise Busy
        try:
            yield
        finally:
            places.release()

    @contextmanager
    def _patience(self) -> Iterator[float]:
        """Count a thread that waits, and yield for how many seconds it may."""
        with self._lock:
            is_long = self._waiting < _MOST_WAITING
            self._waiting += is_long
        try:
            yield (
                self._patience_seconds if is_long else min(_MOMENT_SECONDS, self._patience_seconds)
            )
        finally:
            with self._lock:
                self._waiting -= is_long


_all: Final[weakref.WeakSet[Shared]] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_all):
        each._begin()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)

"""Forks: keeps them off half-done work, and tells objects that they woke up in a child."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Final, Protocol

PATIENCE_SECONDS: Final = 1.0
"""How long a fork waits for `held_off` blocks of other threads that do not ask for longer."""

IMPORT_SECONDS: Final = 10.0
"""How long it waits for an import. A child forked in the middle could never import the same."""


class ForkAware(Protocol):
    """An object with something that a forked child must not share with its parent."""

    def after_fork(self) -> None:
        """Let go, in the child, of what belongs to the parent. Must be quick and never block."""


class Closing(ForkAware, Protocol):
    """An object with something that no child may inherit at all."""

    def before_fork(self) -> None:
        """Close it, in the parent. Must be quick and never block.

        No `held_off` block is entered meanwhile; one that took too long may still run.
        """


class _Gate:
    """Lets any number of threads in, and a fork when none is inside."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside: dict[object, float] = {}

    def enter(self, patience_seconds: float) -> object:
        visit = object()
        with self._condition:
            self._inside[visit] = patience_seconds
        return visit

    def leave(self, visit: object) -> None:
        with self._condition:
            self._inside.pop(visit, None)
            self._condition.notify_all()

    def shut(self) -> None:
        self._condition.acquire()
        first = since = time.monotonic()
        while self._inside:
            now, patience_seconds = time.monotonic(), max(self._inside.values())
            if patience_seconds > PATIENCE_SECONDS:
                since = now  # the use that follows an import has a time of its own
                left = first + patience_seconds - now
            else:
                left = since + patience_seconds - now
            if left > 0:
                self._condition.wait(left)
            else:
                self._inside.clear()  # no later fork waits for them again

    def open(self) -> None:
        self._condition.release()


def _here() -> tuple[int, object]:
    """Return what the locks made from now on are good for."""
    return os.getpid(), threading.Lock


_gate = _Gate()
_import_turn = threading.Lock()
_world = _here()
generation = 0
"""How many forks lie between this process and the one that imported this module."""

_noticing = threading.Lock()
_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()
_closing: weakref.WeakSet[Closing] = weakref.WeakSet()
_kept: list[object] = []


@contextlib.contextmanager
def held_off(patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Let no other thread fork in the `with` block.

    For the moments between opening a descriptor and noting it down, and between forgetting and
    closing it: a child that does not know of a lock that it inherited holds it for life, and one
    that closes a number twice closes somebody else's file.

    After `patience_seconds` the fork happens all the same, so the block may be slow, and may itself
    contain a fork; a further one does not wait for it again. A server that forks without Python's
    hooks is not held off: uWSGI runs them only with ``--py-call-uwsgi-fork-hooks``. Its master runs
    no thread of ours.
    """
    gate = _gate  # a child forked in the block has another one
    visit = gate.enter(patience_seconds)
    try:
        yield
    finally:
        gate.leave(visit)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import something large in the `with` block, beside the requests.

    One thread at a time: of modules that import each other, two threads that begin at different
    ends may get a half. And no other thread forks meanwhile, for `IMPORT_SECONDS`.
    """
    with held_off(IMPORT_SECONDS), _import_turn:
        yield


def watch(thing: ForkAware) -> None:
    """Call `thing.after_fork()` in every child forked from now on, for as long as it lives."""
    _objects.add(thing)


def close_before(thing: Closing) -> None:
    """Call `thing.before_fork()` before every fork from now on, and watch it."""
    _closing.add(thing)
    watch(thing)


def keep(thing: object) -> None:
    """Keep alive, in a forked child, an object that holds a connection of the parent's.

    Its destructor would say goodbye to the server in the parent's name.
    """
    _kept.append(thing)


def _before() -> None:
    _gate.shut()
    with contextlib.ExitStack() as stack:  # calls all, whatever one of them raises
        for thing in list(_closing):
            stack.callback(thing.before_fork)


def _in_child() -> None:
    # The parent's gate is shut, and threads that are not here are inside.
    global _gate, _import_turn, _world, generation
    _gate, _import_turn = _Gate(), threading.Lock()
    _world, generation = _here(), generation + 1
    with contextlib.ExitStack() as stack:  # calls all, whatever one of them raises
        for thing in list(_objects):
            stack.callback(thing.after_fork)


def notice() -> None:
    """Do now what was to be done in this child, when it was forked without Python's hooks.

    As uWSGI does. The same holds when gevent has replaced all locks since: gunicorn with
    ``--preload`` imports the application first. To be called early in the life of a process.
    """
    with _noticing:
        if _world != _here():
            _in_child()


os.register_at_fork(
    before=_before,
    after_in_parent=lambda: _gate.open(),  # noqa: PLW0108 - whichever gate is in force then
    after_in_child=_in_child,
)

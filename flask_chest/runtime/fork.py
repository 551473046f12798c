"""Forks: keeps them off half-done work, and tells objects that they are in a child now."""

from __future__ import annotations

import contextlib
import logging  # noqa: F401 - registers its hooks first: see below
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol

PATIENCE_SECONDS: Final = 1.0
"""How long a fork waits for `held_off` blocks of other threads."""

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
    """Lets any number of threads in, and a fork when none is inside.

    Args:
        patience_seconds: After so long, a fork goes ahead all the same.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._inside: set[object] = set()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        visit = object()
        with self._changed:
            self._inside.add(visit)
        try:
            yield
        finally:
            with self._changed:
                self._inside.discard(visit)
                self._changed.notify_all()

    def shut(self) -> None:
        self._changed.acquire()
        if not self._changed.wait_for(lambda: not self._inside, self._patience_seconds):
            self._inside.clear()  # no later fork waits for them again

    def open(self) -> None:
        self._changed.release()


class _Gates:
    """The two gates of this process, and the lock that lets one thread at a time import."""

    def __init__(self) -> None:
        self.imports = _Gate(IMPORT_SECONDS)
        self.moments = _Gate(PATIENCE_SECONDS)
        self.import_lock = threading.Lock()

    def shut(self) -> None:
        # In this order: what was imported in a moment is also used in it, and that has the whole
        # patience for moments once the import has ended.
        self.imports.shut()
        self.moments.shut()

    def open(self) -> None:
        self.moments.open()
        self.imports.open()


def _here() -> tuple[int, object]:
    """Return what the locks made from now on are good for: a process, and a kind of lock."""
    return os.getpid(), threading.Lock


_gates = _Gates()
_world = _here()
generation = 0
"""How many forks lie between this process and the one that imported this module."""

_noticing = threading.Lock()
_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()
_closing: weakref.WeakSet[Closing] = weakref.WeakSet()
_kept: list[object] = []


def held_off() -> AbstractContextManager[None]:
    """Let no other thread fork in the `with` block.

    For the moments between opening a descriptor and storing it, and between forgetting and closing
    it: a child that does not know of a lock that it inherited holds it for life, and one that
    closes a number twice closes somebody else's file.

    After `PATIENCE_SECONDS` the fork happens all the same, so the block may be slow, and may itself
    contain a fork; a further one does not wait for it again. A server that forks without Python's
    hooks is not held off: uWSGI runs them only with ``--py-call-uwsgi-fork-hooks``. Its master runs
    no thread of ours.
    """
    return _gates.moments.inside()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import something large in the `with` block, beside the requests.

    One thread at a time: when two threads import modules that import each other, each may get a
    half of one. And no other thread forks meanwhile, for `IMPORT_SECONDS`.
    """
    gates = _gates  # a child that is forked in the block has others
    with gates.imports.inside(), gates.import_lock:
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

    Its destructor would tell the server, in the parent's name, that the connection ends.
    """
    _kept.append(thing)


def _before() -> None:
    _gates.shut()
    with contextlib.ExitStack() as stack:  # calls all, whatever one of them raises
        for thing in list(_closing):
            stack.callback(thing.before_fork)


def _in_child() -> None:
    # The parent's gates are shut, and threads that are not here are inside.
    global _gates, _world, generation
    _gates, _world, generation = _Gates(), _here(), generation + 1
    with contextlib.ExitStack() as stack:  # calls all, whatever one of them raises
        for thing in list(_objects):
            stack.callback(thing.after_fork)


def notice() -> None:
    """Do now what was due in this child, when it was forked without Python's hooks.

    As uWSGI does. The same holds when gevent has replaced all locks since: gunicorn with
    ``--preload`` imports the application first. To be called early in the life of a process.
    """
    with _noticing:
        if _world != _here():
            _in_child()


# Hooks that run before a fork run in the reverse order. That of `logging` takes a lock. It must run
# after ours, which wait for `held_off` blocks: one that logs would wait for this lock.
os.register_at_fork(
    before=_before,
    after_in_parent=lambda: _gates.open(),  # noqa: PLW0108 - whichever gates are in force then
    after_in_child=_in_child,
)

"""Tells the objects that own threads, locks or files that they woke up in a forked child."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """An object with something that a forked child must not share with its parent."""

    def after_fork(self) -> None:
        """Let go, in the child, of what belongs to the parent. Must be quick and never block."""


_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def watch(thing: ForkAware) -> None:
    """Call `thing.after_fork()` in every child forked from now on, for as long as it lives."""
    _objects.add(thing)


def _in_child() -> None:
    for thing in list(_objects):
        thing.after_fork()


os.register_at_fork(after_in_child=_in_child)

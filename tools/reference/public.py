"""The public modules, and their names."""

from __future__ import annotations

from importlib import import_module
from typing import Final

MODULES: Final = (
    "flask_chest",
    "flask_chest.exporter",
    "flask_chest.store",
    "flask_chest.deferred",
    "flask_chest.record",
    "flask_chest.query",
    "flask_chest.errors",
    "flask_chest.hookspecs",
    "flask_chest.signals",
    "flask_chest.views",
    "flask_chest.upkeep.copying",
    "flask_chest.upkeep.dead_letters",
    "flask_chest.upkeep.erasure",
    "flask_chest.testing",
)


def names(module: str) -> list[str]:
    """Return the public names of a module: what its `__all__` has."""
    found: list[str] = import_module(module).__all__
    return sorted(found)

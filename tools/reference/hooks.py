"""What our plugins implement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PLUGINS: Final = Path(__file__).resolve().parents[2] / "plugins"


def implementations(hook: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the implementations of a hook in our plugins, with the name of the distribution."""
    for path in sorted(PLUGINS.glob("*/src/*/hooks.py")):
        module = import_module(f"{path.parent.name}.hooks")
        if hasattr(module, hook):
            yield path.parent.name.replace("_", "-"), getattr(module, hook)

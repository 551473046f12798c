"""Tells PyInstaller where our hook is; the entry point `hook-dirs` of its group names this."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder of the hook, which no module of ours imports."""
    return [str(Path(__file__).parent / "hooks")]

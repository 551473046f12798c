"""What is different in a program that PyInstaller or another tool has made of an application."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_ONE_FILE: Final = "_MEI"
"""Beginning of the name of the folder into which a program of `pyinstaller --onefile` unpacks.

See https://pyinstaller.org/en/stable/operating-mode.html#how-the-one-file-program-works. Of a
program in a folder, it is the folder `_internal`, or what `--contents-directory` names.
"""


def is_frozen() -> bool:
    """Tell whether this is such a program, which has no installed packages."""
    return bool(getattr(sys, "frozen", False))


def is_deleted_at_end(path: Path) -> bool:
    """Tell whether a path is in the folder that a program in one file deletes when it ends."""
    unpacked = getattr(sys, "_MEIPASS", None)
    if not isinstance(unpacked, str) or not Path(unpacked).name.startswith(_ONE_FILE):
        return False
    return path.resolve().is_relative_to(Path(unpacked).resolve())

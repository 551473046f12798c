"""Finds the Pythons of this machine that a release is installed into."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WANTED: Final = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t")
"""Versions, and the free-threaded builds of those that have one."""

_TELL: Final = (
    "import sys, sysconfig;"
    "print(sys.version_info[0], sys.version_info[1], sep='.', end='');"
    "print('t' if sysconfig.get_config_var('Py_GIL_DISABLED') else '')"
)


@dataclass(frozen=True)
class Python:
    """An interpreter.

    Attributes:
        version: Such as "3.12", and "3.14t" for a free-threaded build.
        path: The program.
    """

    version: str
    path: str


def find(folder: Path) -> tuple[list[Python], list[str]]:
    """Return one Python of each wanted version, and the versions of which there is none.

    Args:
        folder: Where `make pythons` puts those that the system has not.
    """
    found = {}
    for version in WANTED:
        for path in _candidates(version, folder):
            if _version_of(path) == version:
                found[version] = Python(version, path)
                break
    return list(found.values()), [version for version in WANTED if version not in found]


def _candidates(version: str, folder: Path) -> list[str]:
    name = f"python{version}"
    plain = version.removesuffix("t")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [
        *sorted(folder.glob(f"{version}/**/bin/{name}")),
        *sorted(pyenv.glob(f"{plain}.*/bin/{name}"), reverse=True),
        *sorted(Path("/usr/local/bin").glob(name)),
    ]
    on_path = shutil.which(name)
    return [str(place) for place in places] + ([on_path] if on_path else [])


def _version_of(path: str) -> str | None:
    """Return what a Python says of itself: a shim of pyenv may be of none."""
    done = subprocess.run([path, "-c", _TELL], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None

"""The distributions of this repository, and their files."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Distribution:
    """A distribution.

    Attributes:
        name: Its name on a package index, such as "flask-chest-sqlite".
        folder: Folder of its `pyproject.toml`, relative to the repository; "." for the core.
    """

    name: str
    folder: str

    @property
    def package(self) -> str:
        """Name of its package, which is also how its files begin."""
        return self.name.replace("-", "_")

    @property
    def code(self) -> str:
        """Folder of its package, relative to the repository."""
        return self.package if self.folder == "." else f"{self.folder}/src/{self.package}"


def distributions(root: Path = ROOT) -> list[Distribution]:
    """Return the distributions: the core, then those that need none but what comes before."""
    plugins = sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))
    # flask-chest-sql is what the other plugins depend on.
    plugins.sort(key=lambda folder: folder.name != "flask_chest_sql")
    found = [Distribution("flask-chest", ".")]
    found += [
        Distribution(folder.name.replace("_", "-"), f"plugins/{folder.name}") for folder in plugins
    ]
    return found


def tracked_files(root: Path = ROOT) -> list[str]:
    """Return the files that git knows and that exist, relative to the repository."""
    shown = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in shown.split("\0") if name and (root / name).is_file()]

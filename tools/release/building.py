"""Builds an sdist of each distribution, and from that its wheel; the same bytes each time.

`python -m tools.release.building FOLDER` builds all of them into the folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.release.distributions import ROOT, Distribution, distributions, tracked_files
from tools.release.readme import for_index, source_url

BACKEND: Final = Path(__file__).with_name("backend.py")
_ALIKE: Final = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"}


def commit_time(root: Path = ROOT) -> int:
    """Return when the last commit was made, in seconds since 1970: what each file is dated."""
    shown = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return int(shown)


def version_of(root: Path = ROOT) -> str:
    """Return the version of all distributions."""
    text = (root / "flask_chest" / "_version.py").read_text("utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        sys.exit("flask_chest/_version.py has no version")
    return found[1]


@contextmanager
def staged(root: Path = ROOT) -> Iterator[Path]:
    """Copy what git knows of the distributions, with READMEs as a package index shows them."""
    base = source_url(root)
    if base is not None:
        base = f"{base}/blob/v{version_of(root)}"
    with tempfile.TemporaryDirectory(prefix="flask-chest-release-") as folder:
        stage = Path(folder) / "source"
        for name in tracked_files(root):
            if not (name.startswith(("flask_chest/", "plugins/")) or name in _ALIKE):
                continue
            copy = stage / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, copy)
            copy.chmod(0o644)
            if copy.name == "README.md":
                text = for_index(copy.read_text("utf-8"), str(Path(name).parent), base)
                copy.write_text(text, "utf-8")
        yield stage


def build(target: Path, *, chosen: Sequence[Distribution] | None = None, root: Path = ROOT) -> None:
    """Build distributions into a folder, which must exist.

    Args:
        target: The folder.
        chosen: Those to build; by default all.
        root: The repository.
    """
    with staged(root) as stage:
        sources = [stage / found.folder for found in chosen or distributions(root)]
        done = subprocess.run(
            [sys.executable, BACKEND, target, *sources],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(commit_time(root)), "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(f"the build failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    build(folder)
    print(*sorted(path.name for path in folder.iterdir()), sep="\n")

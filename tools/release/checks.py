"""All checks of the built files, together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.release.archives import Archive, read
from tools.release.contents import check_sdist, check_wheel, package_files
from tools.release.distributions import ROOT, Distribution, distributions, tracked_files
from tools.release.imports import check_imports
from tools.release.metadata import check_alike, check_metadata, check_ranges


def files_of(distribution: Distribution, version: str, folder: Path) -> tuple[Path, Path]:
    """Return where the wheel and the sdist of a distribution are."""
    stem = f"{distribution.package}-{version}"
    return folder / f"{stem}-py3-none-any.whl", folder / f"{stem}.tar.gz"


def check_built(folder: Path, version: str, *, root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the built files of all distributions.

    Args:
        folder: Folder of the files.
        version: Version of this release.
        root: The repository.
    """
    tracked = tracked_files(root)
    required: dict[str, list[str]] = {}
    wanted: set[str] = set()
    for distribution in distributions(root):
        paths = files_of(distribution, version, folder)
        wanted |= {path.name for path in paths}
        missing = [path.name for path in paths if not path.exists()]
        if missing:
            yield f"{', '.join(missing)} was not built"
            continue
        wheel, sdist = map(read, paths)
        required[distribution.name] = wheel.metadata.get_all("Requires-Dist") or []
        package = package_files(distribution, root, tracked)
        yield from _named(wheel, check_wheel(wheel, package))
        yield from _named(wheel, check_imports(wheel, distribution.name))
        yield from _named(sdist, check_sdist(sdist, distribution, package))
        for archive in (wheel, sdist):
            yield from _named(archive, check_metadata(archive, distribution.name, version))
        yield from _named(wheel, check_alike(wheel, sdist))
    for name, problem in check_ranges(required, version):
        yield f"{name} {problem}"
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in wanted:
            yield f"{path.name} is no file of this release"


def check_with_twine(paths: Sequence[Path]) -> Iterator[str]:
    """Yield what twine, which uploads, would refuse."""
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        yield from (f"twine: {line.strip()}" for line in lines if "PASSED" not in line)


def _named(archive: Archive, problems: Iterator[str]) -> Iterator[str]:
    return (f"{archive.name} {problem}" for problem in problems)

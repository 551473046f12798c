"""Checks what is in a wheel and an sdist: all of the package, the licence, and nothing else."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Final

from tools.release.archives import Archive
from tools.release.distributions import Distribution

_BESIDE: Final = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
_OF_THE_CORE: Final = {"CHANGELOG.md"}


def package_files(distribution: Distribution, root: Path, tracked: list[str]) -> dict[str, bytes]:
    """Return what git knows of a package: content by path, beginning with the package's name."""
    folder = distribution.code
    above = folder.removesuffix(distribution.package)
    return {
        name.removeprefix(above): (root / name).read_bytes()
        for name in tracked
        if name.startswith(f"{folder}/")
    }


def check_wheel(wheel: Archive, package: dict[str, bytes]) -> Iterator[str]:
    """Yield what is wrong with the files of a wheel.

    Args:
        wheel: The wheel.
        package: Files of its package, from `package_files`.
    """
    wanted = dict(package)
    found = {name: content for name, content in wheel.files.items() if _is_code(wheel, name)}
    yield from _compare(wanted, found)
    yield from (f"has {name} twice" for name in wheel.outside)
    folder = wheel.name.split("-")[0]
    if f"{folder}/py.typed" not in wheel.files:
        yield f"has no {folder}/py.typed: no type checker looks at its types"
    for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE"):
        if not wheel.files.get(f"{wheel.info}/{name}"):
            yield f"has no {wheel.info}/{name}"
    yield from _record(wheel)
    yield from _entry_points(wheel)
    if b"Tag: py3-none-any" not in wheel.files.get(f"{wheel.info}/WHEEL", b""):
        yield "is not for every Python 3 and every system: py3-none-any"


def check_sdist(
    sdist: Archive, distribution: Distribution, package: dict[str, bytes]
) -> Iterator[str]:
    """Yield what is wrong with the files of an sdist."""
    above = "" if distribution.folder == "." else "src/"
    beside = _BESIDE | (_OF_THE_CORE if distribution.folder == "." else set())
    found = dict(sdist.files)
    for name in sorted(beside):
        if not found.pop(name, b""):
            yield f"has no {name}"
    yield from _compare({above + name: content for name, content in package.items()}, found)
    yield from (f"has {name}, which is no file in its folder" for name in sdist.outside)


def _is_code(wheel: Archive, name: str) -> bool:
    return not name.startswith(f"{wheel.info}/")


def _compare(wanted: dict[str, bytes], found: dict[str, bytes]) -> Iterator[str]:
    for name in sorted(wanted.keys() - found.keys()):
        yield f"lacks {name}"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"has {name}, which does not belong there"
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name] != found[name]:
            yield f"has another {name} than the repository"


def _record(wheel: Archive) -> Iterator[str]:
    """Compare the hashes in RECORD, without which pip would not notice a damaged file."""
    name = f"{wheel.info}/RECORD"
    rows = csv.reader(io.StringIO(wheel.files.get(name, b"").decode()))
    listed = {row[0]: row[1] for row in rows if row}
    for path, content in wheel.files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if path != name and listed.get(path) != f"sha256={digest}":
            yield f"has {path} with another hash than in RECORD"
    for path in sorted(listed.keys() - wheel.files.keys()):
        yield f"lists {path} in RECORD, and lacks it"


def _entry_points(wheel: Archive) -> Iterator[str]:
    parser = ConfigParser()
    parser.read_string(wheel.files.get(f"{wheel.info}/entry_points.txt", b"").decode())
    for section in parser.sections():
        for name, target in parser[section].items():
            module = target.partition(":")[0].strip().replace(".", "/")
            if not {f"{module}.py", f"{module}/__init__.py"} & wheel.files.keys():
                yield f"names {target} as {name} of {section}, and has no such module"

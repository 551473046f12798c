"""Checks that what a wheel imports is among what it installs; needs that to be installed here."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from packaging.requirements import Requirement

from tools.release.archives import Archive

_NOT_SERVED = re.compile(r"flask_chest/(testing|_pyinstaller/hooks)/")
"""Needs the extra `testing`, or is run by PyInstaller."""


def check_imports(wheel: Archive, name: str) -> Iterator[str]:
    """Yield the modules that a wheel imports at once, and that nothing it requires has.

    Args:
        wheel: The wheel.
        name: Name of its distribution.
    """
    installed = _installed_with(name, tuple(wheel.metadata.get_all("Requires-Dist") or ()))
    for path, content in sorted(wheel.files.items()):
        if path.endswith(".py") and not _NOT_SERVED.match(path):
            for module in sorted(_imported(ast.parse(content)) - installed):
                yield f"imports {module} in {path}, and requires nothing that has it"


def _imported(tree: ast.Module) -> set[str]:
    """Return the packages that a module imports when it is imported itself."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _installed_with(name: str, required: tuple[str, ...]) -> set[str]:
    """Return the packages that are there once a distribution is installed alone."""
    wanted, found = [Requirement(text) for text in required], {_normal(name)}
    while wanted:
        requirement = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if _normal(requirement.name) not in found:
            found.add(_normal(requirement.name))
            wanted += map(Requirement, importlib.metadata.requires(requirement.name) or ())
    packages = {name.replace("-", "_") for name in found if name.startswith("flask-chest")}
    packages |= set(sys.stdlib_module_names)
    return packages | {
        package for package, names in _packages().items() if found & set(map(_normal, names))
    }


@cache
def _packages() -> Mapping[str, list[str]]:
    """Return the distributions that have each package; not of editable ones."""
    return importlib.metadata.packages_distributions()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

"""Checks the metadata of a wheel and an sdist, and what distributions require of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Final

import readme_renderer.markdown
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tools.release.archives import Archive

_WANTED: Final = {
    "License-Expression": "MIT",
    "License-File": "LICENSE",
    "Requires-Python": ">=3.10",
    "Description-Content-Type": "text/markdown",
}
_RELATIVE: Final = re.compile(r"(?![a-z][a-z0-9+.-]*:|#|//)", re.IGNORECASE)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in {"href", "src"}]


def check_metadata(archive: Archive, name: str, version: str) -> Iterator[str]:
    """Yield what is wrong with the metadata of a wheel or an sdist.

    Args:
        archive: The wheel or the sdist.
        name: Name of the distribution.
        version: Version of this release.
    """
    metadata = archive.metadata
    for field, wanted in {"Name": name, "Version": version, **_WANTED}.items():
        if metadata.get(field) != wanted:
            yield f"has {metadata.get(field)!r} as {field}, and not {wanted!r}"
    for field in ("Summary", "Author", "Classifier"):
        if not metadata.get(field):
            yield f"has no {field}"
    yield from _readme(archive.description)


def _readme(text: str) -> Iterator[str]:
    if not text.strip():
        yield "has no README"
        return
    html = readme_renderer.markdown.render(text)
    if html is None:
        yield "has a README that a package index cannot show"
        return
    links = _Links()
    links.feed(html)
    for link in links.found:
        if _RELATIVE.match(link):
            yield f"links to {link!r} in its README, which leads nowhere on a package index"


def check_alike(wheel: Archive, sdist: Archive) -> Iterator[str]:
    """Yield what the metadata of a wheel and of its sdist differ in."""
    for field in sorted({*wheel.metadata.keys(), *sdist.metadata.keys()}):
        if wheel.metadata.get_all(field) != sdist.metadata.get_all(field):
            yield f"has another {field} than its sdist"


def check_ranges(required: Mapping[str, list[str]], version: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with dependencies, as (distribution, what is wrong).

    Args:
        required: By distribution of this release, its requirements.
        version: Version of this release.
    """
    next_minor = _next_minor(Version(version))
    for name, texts in required.items():
        for requirement in map(Requirement, texts):
            operators = {specifier.operator for specifier in requirement.specifier}
            if ">=" not in operators:
                yield name, f"requires {requirement} without a lowest version"
            if not requirement.name.startswith("flask-chest"):
                continue
            if requirement.name not in required:
                yield name, f"requires {requirement.name}, which is not in this release"
            if not _admits(requirement.specifier, version):
                yield name, f"requires {requirement}, which does not admit {version}"
            if _admits(requirement.specifier, next_minor):
                yield name, f"requires {requirement}, which admits the incompatible {next_minor}"
    core = {Requirement(text).name for text in required.get("flask-chest", [])}
    for name in required:
        if name not in {"flask-chest", "flask-chest-sql"} and name not in core:
            yield "flask-chest", f"has no extra that installs {name}"


def _admits(specifier: SpecifierSet, version: str) -> bool:
    return specifier.contains(version, prereleases=True)


def _next_minor(version: Version) -> str:
    """Return the next version that may break what depends on this one."""
    return (
        f"{version.major}.{version.minor + 1}" if version.major == 0 else f"{version.major + 1}.0"
    )

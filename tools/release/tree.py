"""Checks the repository itself: nothing uncommitted, and a dated section in the changelog."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HEADING: Final = re.compile(r"^## (\S+)(?: \((.*)\))?$", re.MULTILINE)


def check_tree(root: Path) -> Iterator[str]:
    """Yield what would not be in the release as it is on the disk."""
    shown = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    lines = shown.splitlines()
    if lines:
        more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
        names = ", ".join(line[3:] for line in lines[:3])
        yield f"the git tree is not clean: {names}{more}"


def check_changelog(text: str, version: str) -> Iterator[str]:
    """Yield what is missing in the changelog for a release of a version."""
    found = _HEADING.search(text)
    if found is None or found[1] != version:
        yield f"CHANGELOG.md does not begin with a section for {version}"
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", found[2] or ""):
        yield f"CHANGELOG.md has no date for {version}: ## {version} (YYYY-MM-DD)"
    elif not section(text, version).strip():
        yield f"CHANGELOG.md says nothing about {version}"


def section(text: str, version: str) -> str:
    """Return what the changelog says about a version, without its heading."""
    headings = list(_HEADING.finditer(text))
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        if heading[1] == version:
            return (
                text[heading.end() : following.start() if following else len(text)].strip() + "\n"
            )
    return ""

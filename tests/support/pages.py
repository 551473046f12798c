"""The files on a page of the docs: code blocks whose first line is a comment with a path."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"(?:#|--|//) ([\w./-]+\.\w+|Dockerfile)\n")


def page(name: str) -> str:
    """Return the text of a page, such as ``how-to/jobs.md``."""
    return (DOCS / name).read_text("utf-8")


def files_of(name: str) -> dict[str, str]:
    """Return the files that a page shows, by their paths."""
    files = {}
    for _, block in _BLOCK.findall(page(name)):
        if named := _NAMED.match(block):
            assert named[1] not in files, f"{name} has {named[1]} twice"
            files[named[1]] = block
    assert files, f"{name} shows no file"
    return files


def write_files(name: str, folder: Path) -> Path:
    """Write the files that a page shows into a folder, and return it."""
    for path, text in files_of(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def block_after(name: str, words: str, kind: str = "python") -> str:
    """Return the first code block of a kind that follows some words on a page."""
    _, found, rest = page(name).partition(words)
    assert found, f"{name} does not say {words!r}"
    blocks = (text for shown, text in _BLOCK.findall(rest) if shown == kind)
    return next(blocks)

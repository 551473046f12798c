"""The READMEs as a package index shows them, where a link into the repository leads nowhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

_SOURCE: Final = re.compile(
    r'^\[project\.urls\]\n(?:[^\[\n].*\n|\n)*?Source = "([^"]+)"', re.MULTILINE
)
_Replace: TypeAlias = Callable[[re.Match[str]], str]
_FENCE: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK: Final = re.compile(r"(?<!!)\[((?:!\[[^\]]*\]\([^)\s]+\)|`[^`]*`|[^\[\]])*)\]\(([^)\s]+)\)")
_ABSOLUTE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)


def source_url(root: Path) -> str | None:
    """Return `Source` of `[project.urls]` in the pyproject.toml of the core, if it is there."""
    found = _SOURCE.search((root / "pyproject.toml").read_text("utf-8"))
    return found[1].rstrip("/") if found else None


def for_index(text: str, folder: str, base: str | None) -> str:
    """Return a README whose links into the repository work on a package index.

    Args:
        text: Markdown.
        folder: Folder of the README, relative to the repository.
        base: What a path in the repository is appended to, such as
            `https://forge.example/flask-chest/blob/v1.2.0`. Without it, a link becomes its text,
            and a picture is left out.
    """

    def target(found: str) -> str | None:
        if _ABSOLUTE.match(found):
            return found
        path, mark, fragment = found.partition("#")
        place = posixpath.normpath(posixpath.join(folder, path))
        return None if base is None else f"{base}/{place}{mark}{fragment}"

    def picture(match: re.Match[str]) -> str:
        url = target(match[2])
        return "" if url is None else f"![{match[1]}]({url.replace('/blob/', '/raw/', 1)})"

    def link(match: re.Match[str]) -> str:
        inner, url = _PICTURE.sub(picture, match[1]), target(match[2])
        return inner if url is None else f"[{inner}]({url})"

    parts, end = [], 0
    for code in _FENCE.finditer(text):
        parts += [_rewritten(text[end : code.start()], link, picture), code[0]]
        end = code.end()
    return "".join([*parts, _rewritten(text[end:], link, picture)])


def _rewritten(text: str, link: _Replace, picture: _Replace) -> str:
    pieces, end = [], 0
    for found in _LINK.finditer(text):
        pieces += [_PICTURE.sub(picture, text[end : found.start()]), link(found)]
        end = found.end()
    return "".join([*pieces, _PICTURE.sub(picture, text[end:])])

"""The questions that the pages of docs/how-to answer, each with its page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tools.reference.blocks import table

HOW_TO: Final = Path(__file__).resolve().parents[2] / "docs" / "how-to"
_GROUPS: Final = {
    "Start": ("install", "upgrade", "from-0.0.10"),
    "Record": ("record",),
    "Ask and see": ("ask",),
    "Databases": ("databases",),
    "Deploy": ("deploy",),
    "Operate": ("troubleshooting", "operating"),
    "Test and extend": ("testing", "plugins"),
}
"""Headings, to the pages below them; a page brings those of its toctree."""
_COMMENT: Final = re.compile(r"<!--.*?-->\n\n", re.DOTALL)
_TOCTREE: Final = re.compile(r"```\{toctree\}\n(?::.*\n)*\n((?:[a-z0-9.-]+\n)+)```")


def questions() -> dict[str, Callable[[], str]]:
    """Return what makes the part of the page."""
    return {"questions": _questions}


def _questions() -> str:
    """Return all questions below the headings of their groups.

    Raises:
        ValueError: A page belongs to no group, or to two.
    """
    parts, listed = [], []
    for heading, names in _GROUPS.items():
        pages = [page for name in names for page in (name, *_below(name))]
        parts.append(f"## {heading}\n\n{table(('question', 'page'), map(_row, pages))}")
        listed += pages
    existing = sorted(each.stem for each in HOW_TO.glob("*.md") if each.stem != "index")
    if sorted(listed) != existing:
        raise ValueError(f"the groups have {sorted(listed)}, and there are {existing}")
    return "\n\n".join(parts)


def _below(name: str) -> Iterator[str]:
    found = _TOCTREE.search((HOW_TO / f"{name}.md").read_text("utf-8"))
    if found:
        yield from found[1].split()


def _row(name: str) -> tuple[str, str]:
    text = _COMMENT.sub("", (HOW_TO / f"{name}.md").read_text("utf-8"))
    title, first = text.split("\n\n")[:2]
    question = " ".join(first.partition("?")[0].split())
    return f"{question}?", f"[{title.removeprefix('# ')}]({name}.md)"

"""Pages with generated parts: each stands between two comments, and all else is written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

_BLOCK: Final = re.compile(r"(<!-- generated: ([\w -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its generated parts written anew.

    Args:
        text: The page as it is.
        blocks: Name of each part to what makes it.

    Raises:
        ValueError: The page has no place for a part, or one for a part that nobody makes.
    """
    places = [name for _, name, _ in _BLOCK.findall(text)]
    if sorted(places) != sorted(blocks):
        raise ValueError(f"the page has the parts {sorted(places)}, and not {sorted(blocks)}")
    return _BLOCK.sub(lambda found: f"{found[1]}\n{blocks[found[2]]()}\n\n{found[3]}", text)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

"""Expressions that find any of many texts.

As alternatives side by side they take four times as long, as `re` tries each at every place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# In this order, so that the longest text comes first when they are sorted the other way round.
END: Final = "\0"
"""The end of a text that may go on inside a word."""

END_OF_WORD: Final = "\1"
"""The end of a text after which its word ends, perhaps with the `s` of a plural."""

SEPARATOR: Final = "\2"
"""Stands for one `_` or none."""

GAP: Final = "\3"
"""Stands for up to three characters between two words, or none."""

_EXPRESSIONS: Final = {
    SEPARATOR: "_?",
    GAP: r"[\W_]{0,3}",
    END: "",
    END_OF_WORD: r"s?(?![^\W\d_])",
}


@lru_cache(maxsize=32)  # applications in one process mostly have the same patterns
def trie(texts: tuple[str, ...]) -> str:
    """Return an expression that matches the longest of some texts that begin at a place.

    Args:
        texts: Each ends with `END` or `END_OF_WORD`. Without any, the expression is empty.
    """
    root = _Node()
    for text in texts:
        node = root
        for character in text:
            node = node.setdefault(character, _Node())
    return _expression(root)


class _Node(dict[str, "_Node"]):
    """What may follow, by the next character."""


def _expression(node: _Node) -> str:
    parts = [
        _EXPRESSIONS.get(character, re.escape(character)) + _expression(below)
        for character, below in sorted(node.items(), reverse=True)
    ]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""

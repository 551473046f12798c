"""The text of a filter, a measure or a name: its bounded tree, and the place of each node."""

from __future__ import annotations

import ast
import keyword
import re
from contextlib import suppress
from typing import Final

from flask_chest.errors import FilterError
from flask_chest.query.faults import fault

MAX_LENGTH: Final = 8_000
"""Characters of a filter."""

MAX_NODES: Final = 1_000
"""Names, values, comparisons and brackets of a filter."""

MAX_DEPTH: Final = 40
"""How deep they are nested."""

_UNREADABLE: Final = re.compile("[\0\ufeff\ud800-\udfff]")
_BREAKS: Final = str.maketrans("\r\n\f", "   ")

_HINTS: Final = {
    "=": "write == for equality",
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "<>": "write !=",
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "IN": "write `in`",
    "IS": "write `is`",
    "LIKE": "write contains(name, 'text')",
    "like": "write contains(name, 'text')",
}
ODD_NAMES: Final = "a name with blanks or signs in it is written variables['...']"

_TOKEN: Final = re.compile(r"[ \t]*(\w+|&&|\|\||<>|.)", re.DOTALL)


_ATTEMPTS: Final = 20


def _parsed(line: str) -> ast.expr:
    """Parse an expression, again when another thread did so at the same time.

    Before 3.11.8 and 3.12.1, all threads share the depth that CPython counts there, and then it
    raises a SystemError: gh-106905.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(SystemError):
            return ast.parse(line, mode="eval").body
    return ast.parse(line, mode="eval").body


class Source:
    """The text of a filter, or of another expression.

    Args:
        text: As it was written.
        what: What it is, for messages.
        begin: Where the expression begins in the text.
        end: Where it ends; None for the end of the text.

    Raises:
        FilterError: It is too long, or has a character that no filter can have.
    """

    def __init__(
        self, text: str, what: str = "filter", *, begin: int = 0, end: int | None = None
    ) -> None:
        self.text = text
        self._what = what
        if len(text) > MAX_LENGTH:
            raise fault(f"a {what} has at most {MAX_LENGTH} characters", text, MAX_LENGTH)
        if found := _UNREADABLE.search(text):
            raise fault(f"the character {found[0]!r} cannot be in a {what}", text, found.start())
        # One line: a comment in the middle of several would hide the conditions after it.
        line = " " * begin + text[begin:end].translate(_BREAKS)
        self._line = line.strip(" \t")
        self._lead = len(line) - len(line.lstrip(" \t"))
        self._encoded = self._line.encode()

    def tree(self) -> ast.expr:
        """Return the tree of the expression.

        Raises:
            FilterError: It is no expression, or too large.
        """
        if not self._line:
            raise fault(f"the {self._what} is empty", self.text, 0)
        try:
            tree = _parsed(self._line)
        except SyntaxError as error:
            raise self._syntax(error) from None
        except (ValueError, MemoryError, RecursionError, OverflowError):
            raise fault(
                f"the {self._what} is nested too deeply, or too long", self.text, 0
            ) from None
        self._bound(tree)
        rest = self._character(tree.end_col_offset or 0)
        if "#" in self._line[rest:]:
            comment = self._lead + self._line.index("#", rest)
            raise fault(f"a {self._what} has no comments", self.text, comment)
        return tree

    def of(self, node: ast.expr) -> str:
        """Return the text of a node, at most 60 characters, for a message."""
        begin, end = self._character(node.col_offset), self._character(node.end_col_offset or 0)
        text = self._line[begin:end]
        return text if len(text) <= 60 else f"{text[:60]}…"

    def written(self, node: ast.expr) -> str:
        """Return the text of a node as it was written, with its line breaks."""
        begin, end = self._character(node.col_offset), self._character(node.end_col_offset or 0)
        return self.text[self._lead + begin : self._lead + end]

    def fault(self, node: ast.expr, reason: str) -> FilterError:
        """Return the error about a node."""
        return fault(reason, self.text, self._lead + self._character(node.col_offset))

    def _character(self, offset: int) -> int:
        """Return the index of a character from its offset in bytes of UTF-8."""
        return len(self._encoded[:offset].decode("utf-8", "replace"))

    def _bound(self, tree: ast.expr) -> None:
        level: list[ast.AST] = [tree]
        nodes = depth = 0
        while level:
            depth, nodes = depth + 1, nodes + len(level)
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                what = f"nested {MAX_DEPTH} deep" if depth > MAX_DEPTH else f"of {MAX_NODES} parts"
                first = next(node for node in level if isinstance(node, ast.expr))
                raise self.fault(first, f"a {self._what} is at most {what}")
            inner = (child for node in level for child in ast.iter_child_nodes(node))
            level = [node for node in inner if isinstance(node, (ast.expr, ast.comprehension))]

    def _syntax(self, error: SyntaxError) -> FilterError:
        index = max((error.offset or 1) - 1, 0)
        token = _TOKEN.match(self._line, index)
        hint = _HINTS.get(token[1] if token else "")
        # Python points at the name after `&&`, at its second character, or at what is around `=`.
        for wrong in ("&&", "||", "<>"):
            begin = self._line.find(wrong, max(index - 2, 0), index + 2)
            if begin >= 0:
                index, hint = begin, _HINTS[wrong]
        if hint is None and "==" in str(error.msg):
            hint = _HINTS["="]
        reason = f"the {self._what} cannot be read here"
        if hint is None and not _reads_alone(self._line, index):
            hint = "a name that is a word of Python is written variables['...']"
        if hint is None and error.msg == "invalid syntax":
            hint = f"{error.msg}; {ODD_NAMES}"
        return fault(f"{reason}: {hint or error.msg}", self.text, self._lead + index)


def _reads_alone(line: str, index: int) -> bool:
    """Return whether the word at an index is none of Python's own words."""
    word = re.compile(r"\w+").match(line, index)
    return word is None or not keyword.iskeyword(word[0])

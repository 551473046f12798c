"""The messages of the code to the log, each with its level, found in the source."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
_LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")
_LOGGERS: Final = ("logger", "_logger")
_THROTTLES: Final = ("throttle", "_throttle")


class Message(NamedTuple):
    """A call that logs.

    Attributes:
        level: In lower case, or of which of them.
        text: With `...` for what is filled in; empty when it is made elsewhere.
        place: File and line.
        function: Where the call is.
    """

    level: str
    text: str
    place: str
    function: str


def sources(*words: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the files of all distributions with one of these words, but for what is for tests."""
    folders = (ROOT / "flask_chest", *sorted(ROOT.glob("plugins/*/src")))
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py"))):
        text = path.read_text("utf-8")
        if "testing" not in path.parts and any(word in text for word in words):
            yield path.relative_to(ROOT), ast.parse(text)


@functools.cache
def messages() -> tuple[Message, ...]:
    """Return all messages, in the order of files and lines."""
    return tuple(
        Message(*found, f"{path}:{call.lineno}", f"{path.stem}.{function}")
        for path, tree in sources("logger.", "throttle.log(")
        for function, call in _calls(tree, "")
        if (found := _message(call))
    )


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield all calls below a node, with the function that each is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield function, child
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _calls(child, child.name)
        else:
            yield from _calls(child, function)


def _message(call: ast.Call) -> tuple[str, str] | None:
    """Return level and text of a call; None when it logs nothing."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner = ast.unparse(call.func.value).rpartition(".")[2]
    if owner in _LOGGERS and call.func.attr in _LEVELS:
        return call.func.attr.replace("exception", "error"), text_of(call.args[0])
    if owner in _THROTTLES and call.func.attr == "log":
        return _level(call.args[0]), text_of(call.args[2])
    return None


def _level(node: ast.expr) -> str:
    names = [each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    return " or ".join(name.lower() for name in names if name.isupper())


def text_of(node: ast.expr) -> str:
    """Return a text with `...` for each part that is filled in."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
        for field in ("%s", "%r", "%d", "%04o", "%.1f"):
            text = text.replace(field, "...")
        return "" if text == "..." else text
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value) if isinstance(each, ast.Constant) else "..." for each in node.values
        )
    return ""


_ROW: Final = re.compile(
    r"^\| ([a-z ]+) \| ``(.*?)``(?: <!-- ([\w.]+) -->)? \| (.+) \|$", re.MULTILINE
)


def faults(page: str) -> list[str]:
    """Return which messages a page lacks, and which of its rows are of no message.

    Args:
        page: The text of docs/reference/log-messages.md.
    """
    rows = {(level, made or text) for level, text, made, _ in _ROW.findall(page)}
    found = {(each.level, each.text or each.function): each for each in messages()}
    lacking = [
        f"has no row for the {level} message ``{text}`` of {found[level, text].place}"
        for level, text in found.keys() - rows
    ]
    stale = [
        f"has a row for the {level} message ``{text}``, which is nowhere logged"
        for level, text in rows - found.keys()
    ]
    return sorted(lacking + stale)

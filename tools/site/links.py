"""Links that no page writes: of settings, commands, names of Python, pages and types."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx

import flask_chest

_REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
_FLASK: Final = "https://flask.palletsprojects.com/en/stable/api/#flask."
_PYTHON: Final = "https://docs.python.org/3/library/"


def _settings() -> Iterator[tuple[str, str]]:
    """Yield each setting, and its place."""
    text = (_REFERENCE / "settings.md").read_text("utf-8")
    for anchor, name in re.findall(r'<a id="([a-z-]+)"></a>`(\w+)`', text):
        yield name, f"docs/reference/settings#{anchor}"
        yield f"FLASK_{name}", f"docs/reference/settings#{anchor}"


def _commands() -> Iterator[tuple[str, str]]:
    """Yield each command, and its place."""
    text = (_REFERENCE / "commands.md").read_text("utf-8")
    for words, page, anchor in re.findall(r"\[`([a-z -]+)`\]\(([a-z-]+)\.md#([a-z-]+)\)", text):
        yield f"flask chest {words}", f"docs/reference/{page}#{anchor}"


def _names(app: Sphinx) -> Iterator[tuple[str, str]]:
    """Yield each name of `flask_chest`, each member of its classes, and its place.

    A `FlaskChest` is `chest` on the pages, and a `Store` is `store`.
    """
    variables = {"FlaskChest": "chest", "Store": "store"}
    pages = {
        path: entry.docname
        for path, entry in app.env.domains.python_domain.objects.items()
        if not entry.aliased
    }
    for name in flask_chest.__all__:
        found = [path for path in pages if re.fullmatch(rf"flask_chest(\.[a-z_]+)?\.{name}", path)]
        if len(found) != 1:
            continue
        yield name, f"{pages[found[0]]}#{found[0]}"
        for path, page in pages.items():
            if path.startswith(f"{found[0]}."):
                member = path.rpartition(".")[2]
                for owner in {name, variables.get(name, name)}:
                    yield f"{owner}.{member}", f"{page}#{path}"


def _pattern(names: Iterable[str], after: str) -> re.Pattern[str]:
    return re.compile(rf"({'|'.join(sorted(map(re.escape, names), reverse=True))}){after}")


def link_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make a link of the first mention of a setting, a command or a name of Python in a section."""
    begins = {**dict(_settings()), **dict(_commands())}
    names = dict(_names(app))
    places = {**begins, **names}
    begin = _pattern(begins, r"(?![\w-])")
    # `chest.stats().dropped` is a name; a message that begins with one is none.
    name = _pattern(names, r"(\(.*\))?(\.\w+)*$")
    linked: set[tuple[int, str]] = set()
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        found = begin.match(text) or name.match(text.removeprefix("@"))
        if not found or _is_within(literal, (nodes.reference, nodes.title)):
            continue
        target, _, anchor = places[found[1]].partition("#")
        mention = (id(_section_of(literal)), anchor)
        if target == page or mention in linked:
            continue
        linked.add(mention)
        uri = f"{app.builder.get_relative_uri(page, target)}#{anchor}"
        link = nodes.reference("", "", refuri=uri, internal=True)
        literal.replace_self(link)
        link += literal


def _is_within(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def _section_of(node: nodes.Node) -> nodes.Node:
    while not isinstance(node, nodes.section) and node.parent is not None:
        node = node.parent
    return node


def link_pages(*arguments: Any) -> None:  # noqa: ANN401 - Sphinx gives six
    """Make links of the names of pages in a docstring, as ``docs/reference/filters.md``."""
    lines: list[str] = arguments[-1]
    lines[:] = [re.sub(r"\bdocs/([\w/.-]+)\.md", r":doc:`/docs/\1`", line) for line in lines]


def link_others(
    _app: Sphinx, _env: object, node: nodes.Element, text: nodes.Node
) -> nodes.Node | None:
    """Make links of types of Python and Flask in signatures, without asking their sites."""
    target = str(node.get("reftarget", ""))
    module, _, name = target.rpartition(".")
    if node.get("refdomain") != "py" or not module:
        return None
    package = module.partition(".")[0]
    if package == "flask":
        url = f"{_FLASK}{name}"
    elif package in sys.stdlib_module_names:
        url = f"{_PYTHON}{module}.html#{target}"
    else:
        return None
    return nodes.reference("", "", text, refuri=url, reftitle=target, internal=False)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what Sphinx calls while it builds."""
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("doctree-resolved", link_names)
    app.connect("missing-reference", link_others)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

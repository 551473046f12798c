"""The commands, their arguments and options, from click."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import click

from flask_chest.cli.exits import MEANINGS
from flask_chest.cli.group import Commands, group
from flask_chest.cli.standalone import main
from flask_chest.runtime.command import GROUP, STANDALONE
from tools.reference.blocks import table
from tools.reference.hooks import implementations

_CALLED: Final = f"flask {GROUP}"
_PAGES: Final = {
    "commands-ask": ("query", "measure", "compare", "tail", "show", "routes", "top", "export"),
    "commands-operate": ("status", "check", "flush", "dead-letter"),
    "commands-stores": ("schema", "copy", "import", "purge", "rollup", "erase"),
    "commands-setup": ("plugins", "dashboard"),
}
"""Pages of docs/reference, to the commands that each describes."""


def overview() -> dict[str, Callable[[], str]]:
    """Return what makes the parts of the first page."""
    return {"commands": _overview, "standalone": _standalone, "exit codes": exit_codes}


def pages() -> dict[str, dict[str, Callable[[], str]]]:
    """Return the pages, each with what makes its part."""
    return {page: {"commands": partial(_described, names)} for page, names in _PAGES.items()}


def exit_codes() -> str:
    """Return the table of exit codes."""
    return table(("code", "meaning"), [(f"`{code}`", text) for code, text in MEANINGS.items()])


def _context() -> click.Context:
    return click.Context(group, info_name=_CALLED)


def _commands() -> dict[str, click.Command]:
    """Return the commands by name, those of the plugins last."""
    found: dict[str, click.Command] = {}
    for name in group.own_names:
        command = Commands.get_command(group, _context(), name)
        if command is not None:
            found[name] = command
    for _, hook in implementations("chest_commands"):
        found.update({str(each.name): each for each in hook()})
    return found


def _overview() -> str:
    """Return a table of all commands.

    Raises:
        ValueError: A command is on no page, or a page names one that does not exist.
    """
    found = _commands()
    described = [name for names in _PAGES.values() for name in names]
    if sorted(described) != sorted(found):
        raise ValueError(f"the pages describe {sorted(described)}, and there are {sorted(found)}")
    rows = [
        (f"[`{words}`]({page}.md#{'-'.join([*_CALLED.split(), *words.split()])})", text)
        for page, names in _PAGES.items()
        for name in names
        for words, text in _leaves(name, found[name])
    ]
    return table(("command", "what it does"), rows)


def _leaves(words: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the words of each command that can be run, and what it does in a sentence."""
    if not isinstance(command, click.Group):
        yield words, command.get_short_help_str(limit=200)
        return
    for name, inner in sorted(command.commands.items()):
        yield from _leaves(f"{words} {name}", inner)


def _described(names: tuple[str, ...]) -> str:
    found, context = _commands(), _context()
    return "\n\n".join(part for name in names for part in _parts(name, found[name], context))


def _standalone() -> str:
    context = click.Context(main, info_name=STANDALONE)
    return _options(main, context)


def _parts(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield what is said of a command and of those below it.

    Raises:
        ValueError: It, or a parameter of it, has no help.
    """
    context = click.Context(command, info_name=name, parent=parent)
    path = context.command_path
    if not command.help:
        raise ValueError(f"{path} has no help")
    yield f"{'##' if parent.parent is None else '###'} `{path}`"
    if isinstance(command, click.Group):
        yield _paragraphs(command.help)
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            if below is not None:
                yield from _parts(inner, below, context)
        return
    yield f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```"
    yield _paragraphs(command.help)
    options = _options(command, context)
    if options:
        yield options


def _paragraphs(text: str) -> str:
    r"""Return the help of a command in Markdown; `\b` begins what is laid out by hand."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b"):
            parts.append(f"```text\n{part.removeprefix(chr(8)).strip(chr(10))}\n```")
        else:
            parts.append(" ".join(part.split()).replace("<", "\\<"))
    return "\n\n".join(parts)


def _options(command: click.Command, context: click.Context) -> str:
    rows = []
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or "--help" in parameter.opts:
            continue
        shown = parameter.get_help_record(context)
        if shown is None:
            continue
        names, text = shown
        if not parameter.help:
            raise ValueError(f"{context.command_path} {names} has no help")
        rows.append((f"`{names}`", text.replace("<", "\\<")))
    return table(("option", "meaning"), rows) if rows else ""

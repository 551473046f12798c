"""The pages of the public modules: a summary, and what Sphinx's autodoc shows of each name."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Final

from tools.reference import public
from tools.reference.blocks import table

_ELSEWHERE: Final = ("flask_chest.hookspecs", "flask_chest.signals")
"""Modules that have pages of another kind."""

MODULES: Final = tuple(name for name in public.MODULES if name not in _ELSEWHERE)

_WITH_INHERITED: Final = ("FlaskChest",)
_FIRST: Final = ("FlaskChest", "Exporter", "Store", "Record")
_VERSION: Final = "The version, such as ``0.1.0``."
_ATTRIBUTE: Final = re.compile(r"^    (\w+): ", re.MULTILINE)
_WITHOUT_MEMBERS: Final = ("Contract", "Views")
"""Ends of names. The name of a contract's test is its description; a blueprint is Flask's."""


def pages() -> dict[str, dict[str, Callable[[], str]]]:
    """Return what makes the parts of each page, by the name of its module."""
    return {name: {"names": functools.partial(_page, name)} for name in MODULES}


def index() -> dict[str, Callable[[], str]]:
    """Return what makes the list of the modules."""
    return {"modules": _modules}


def _modules() -> str:
    rows = [
        (f"[`{name}`]({name}.md)", _first_sentence(inspect.getdoc(import_module(name)) or ""))
        for name in MODULES
    ]
    toctree = "\n".join(MODULES)
    return f"{table(('module', 'has'), rows)}\n\n```{{toctree}}\n:hidden:\n\n{toctree}\n```"


def _page(name: str) -> str:
    module = import_module(name)
    own: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for each in public.names(name):
        owner = _owner(each, getattr(module, each))
        (own if owner == name else others).append((each, owner))
    own.sort(key=lambda each: each[0] not in _FIRST)
    directives = "\n".join(_directive(module, each) for each, _ in own)
    summary = [summarized(module, each) for each, _ in own]
    parts = [table(("name", "what it is"), summary), f"```{{eval-rst}}\n{directives}```"]
    if others:
        parts.append(
            table(
                ("name", "described with"),
                [(f"`{each}`", f"[`{owner}`]({_link(owner)})") for each, owner in others],
            )
        )
    return "\n\n".join(parts)


def summarized(module: ModuleType, name: str) -> tuple[str, str]:
    """Return the row of a name, for who reads the page in a clone, without its built descriptions.

    Returns:
        The name, with the parameters of a function; and its first sentence, with the members of a
        class.
    """
    value: object = getattr(module, name)
    if inspect.isclass(value):
        members = [] if name.endswith(_WITHOUT_MEMBERS) else list(_members(name, value))
        has = f"<br>Has {', '.join(f'`{each}`' for each in members)}." if members else ""
        return f"`{name}`", f"{_shown(inspect.getdoc(value))}{has}"
    if inspect.isroutine(value):
        return f"`{name}{_parameters(value)}`", _shown(inspect.getdoc(value))
    return f"`{name}`", _shown(_text_below(module, name))


def _shown(text: str | None) -> str:
    """Return the first paragraph of a docstring, in Markdown."""
    return _first_sentence(text or "").replace("<", "\\<").replace("``", "`")


def _members(name: str, value: type) -> Iterator[str]:
    """Yield the public members of a class: fields, then methods with their parameters."""
    classes = value.__mro__ if name in _WITH_INHERITED else (value,)
    own = [each for each in classes if each.__module__.partition(".")[0] == "flask_chest"]
    fields = [each for kind in own for each in inspect.get_annotations(kind)]
    fields += [each for kind in own for each in vars(kind).get("__slots__", ())]
    told = (inspect.getdoc(value) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    fields += _ATTRIBUTE.findall(told)
    methods = [each for kind in own for each in vars(kind) if inspect.isroutine(vars(kind)[each])]
    properties = [
        each for kind in own for each in vars(kind) if isinstance(vars(kind)[each], property)
    ]
    for each in dict.fromkeys([*fields, *properties, *methods]):
        if not each.startswith("_"):
            yield f"{each}{_parameters(getattr(value, each))}" if each in methods else each


def _parameters(function: Callable[..., object]) -> str:
    """Return the names of the parameters of a function, in parentheses."""
    signature = inspect.signature(function)
    bare = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    return str(inspect.Signature(bare)).replace("|", "\\|")


def _link(module: str) -> str:
    pages = {"flask_chest.hookspecs": "../hooks.md", "flask_chest.signals": "../signals.md"}
    return pages.get(module, f"{module}.md")


def _owner(name: str, value: object) -> str:
    """Return the module on whose page a name is described."""
    found = [
        each
        for each in public.MODULES
        if name in public.names(each) and getattr(import_module(each), name) is value
    ]
    defined = getattr(value, "__module__", "")
    others = [each for each in found if each != "flask_chest"]
    return defined if defined in found else next(iter(others), "flask_chest")


def _directive(module: ModuleType, name: str) -> str:
    """Return the directive that describes a name.

    Raises:
        ValueError: It has no description, or a member of it has none.
    """
    value = getattr(module, name)
    path = f"{module.__name__}.{name}"
    if inspect.isclass(value):
        _check(path, value)
        options = ""
        if name.endswith(_WITHOUT_MEMBERS) or issubclass(value, tuple):
            options = "   :no-members:\n"
        elif name in _WITH_INHERITED:
            options = "   :inherited-members:\n"
        if not any(_is_public(base) for base in value.__bases__):
            options += "   :no-show-inheritance:\n"
        return f".. autoclass:: {path}\n{options}"
    if inspect.isroutine(value):
        _check(path, value)
        return f".. autofunction:: {path}\n"
    if name == "__version__":
        return f".. data:: {path}\n   :type: str\n\n   {_VERSION}\n"
    if not _text_below(module, name):
        raise ValueError(f"{path} has no text below it")
    return f".. autodata:: {path}\n   :no-value:\n"


def _is_public(base: type) -> bool:
    """Return whether a reader can look a base class up."""
    if base is object or base.__module__.partition(".")[0] != "flask_chest":
        return base is not object
    return any(base.__name__ in public.names(each) for each in public.MODULES)


def _check(path: str, value: object) -> None:
    """Raise a ValueError when a class or function, or a public method of it, has no docstring."""
    if not value.__doc__:
        raise ValueError(f"{path} has no docstring")
    if not inspect.isclass(value) or path.endswith(_WITHOUT_MEMBERS):
        return
    for name, member in vars(value).items():
        is_method = inspect.isroutine(member) or isinstance(member, property)
        if not name.startswith("_") and is_method and not member.__doc__:
            raise ValueError(f"{path}.{name} has no docstring")


def _text_below(module: ModuleType, name: str) -> str:
    """Return the text below an assignment, where it is made; empty without one."""
    for place in (module, *_modules_of(module)):
        body = ast.parse(inspect.getsource(place)).body
        for one, other in itertools.pairwise(body):
            targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
            is_made = any(isinstance(each, ast.Name) and each.id == name for each in targets)
            if is_made and isinstance(other, ast.Expr) and isinstance(other.value, ast.Constant):
                return inspect.cleandoc(str(other.value.value))
    return _VERSION if name == "__version__" else ""


def _modules_of(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package that imports its names when they are first used."""
    return [
        import_module(f"{package.__name__}.{each}")
        for each in sorted(set(getattr(package, "_MODULES", {}).values()))
    ]


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())

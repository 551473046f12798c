"""Collect the exporter classes that plugins announce."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final, cast

from pydantic import BaseModel

from flask_chest.errors import ConfigurationError, ended
from flask_chest.exporter import Exporter
from flask_chest.runtime.interrupts import is_interrupt
from flask_chest.store import Store

if TYPE_CHECKING:
    import pluggy

    from flask_chest.plugins.discovery import PluginInfo

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")


def exporter_types(
    implementations: Iterable[tuple[PluginInfo, pluggy.HookImpl]],
) -> dict[str, type[Exporter]]:
    """Return the exporter classes of all plugins by their `type`.

    Args:
        implementations: The implementations of `chest_exporters`, in the order of calls.

    Raises:
        ConfigurationError: A plugin fails, announces something else, or two plugins claim one type.
    """
    found: dict[str, tuple[type[Exporter], PluginInfo]] = {}
    for plugin, implementation in implementations:
        try:
            classes = list(cast("Iterable[type[Exporter]]", implementation.function()))
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise ConfigurationError(
                f"The {plugin} fails in chest_exporters: {type(error).__name__}: {ended(error)} "
                f"{plugin.remedy}"
            ) from error
        for kind in classes:
            if fault := _fault(kind):
                raise ConfigurationError(
                    f"The {plugin} announces {kind!r} in chest_exporters, which {ended(fault)} "
                    f"{plugin.remedy}"
                )
            other, owner = found.setdefault(kind.type, (kind, plugin))
            if other is not kind:
                raise ConfigurationError(
                    f"Two plugins claim the exporter type {kind.type!r}: the {owner} with "
                    f"{other.__module__}.{other.__qualname__}, and the {plugin} with "
                    f"{kind.__module__}.{kind.__qualname__}. {_one_of(owner, plugin)}"
                )
    return {name: kind for name, (kind, _) in found.items()}


def _one_of(*plugins: PluginInfo) -> str:
    """Return how to have one of several plugins alone."""
    installed = [plugin.distribution for plugin in plugins if plugin.distribution]
    if not installed:
        return "Register one of them, or give one of the classes another `type`"
    return f"Uninstall one of them, or leave one out with CHEST_BLOCK_PLUGINS={installed[-1]}"


def _fault(kind: object) -> str | None:
    """Return why an announced object is not a usable exporter class; None when it is one."""
    if not (isinstance(kind, type) and issubclass(kind, Exporter)):
        return "is not a class derived from flask_chest.Exporter"
    if inspect.isabstract(kind):
        return f"does not implement {', '.join(sorted(kind.__abstractmethods__))}"
    if not isinstance(getattr(kind, "type", None), str):
        return "has no `type`, such as 'webhook'"
    model = getattr(kind, "config_model", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)) or model is BaseModel:
        return "has no `config_model`, a class derived from pydantic.BaseModel"
    return _fault_of_schemes(kind.schemes) or _fault_of_methods(kind)


def _fault_of_schemes(schemes: object) -> str | None:
    """Return why no URL may mean an exporter class."""
    if isinstance(schemes, str) or not isinstance(schemes, Collection):
        return f"has `schemes = {schemes!r}`. Make it a tuple, such as ('webhook',)"
    for each in schemes:
        if not isinstance(each, str) or not _SCHEME.fullmatch(each):
            return (
                f"has {each!r} among its `schemes`. One is a lower-case letter, and then such "
                "letters, digits, '+', '.' and '-', without '://'"
            )
    return None


def _fault_of_methods(kind: type[Exporter]) -> str | None:
    """Return why a method cannot be called, which would be found out with the first records."""
    for name in ("__init__", *_methods(Store if issubclass(kind, Store) else Exporter)):
        own, announced = getattr(kind, name), getattr(Exporter, name, None) or getattr(Store, name)
        if own is announced:
            continue
        if inspect.iscoroutinefunction(own) or inspect.isasyncgenfunction(own):
            return f"has an `async def {name}`, and nothing awaits it. Make it a plain function"
        if inspect.isgeneratorfunction(own) and hasattr(Exporter, name):
            return f"has a generator `{name}`, and nothing runs it. Take the `yield` out of it"
        if not inspect.isfunction(inspect.getattr_static(kind, name)):
            continue  # it may take anything
        wanted = inspect.signature(announced).parameters.values()
        # Not that of what a decorator wraps: it may pass on other arguments.
        taken = inspect.signature(own, follow_wrapped=False)
        try:
            taken.bind(
                *(each for each in wanted if each.kind is each.POSITIONAL_OR_KEYWORD),
                **{each.name: each for each in wanted if each.kind is each.KEYWORD_ONLY},
            )
        except TypeError as error:
            return (
                f"has `{name}{taken}`, which cannot be called as "
                f"({', '.join(each.name for each in wanted)}): {error}"
            )
    return None


def _methods(base: type) -> list[str]:
    """Return the names of the public methods of a base class."""
    return [
        name
        for name, found in inspect.getmembers(base, inspect.isfunction)
        if not name.startswith("_")
    ]

"""Find the installed plugins, and load those that the settings allow."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeAlias

from flask_chest._version import __version__
from flask_chest.errors import ConfigurationError, ended, mask_secrets
from flask_chest.runtime.log import logger

GROUP: Final = "flask_chest"
"""Name of the entry-point group, and of the pluggy project."""

OURS: Final = frozenset(
    f"flask-chest-{name}"
    for name in (
        "clickhouse",
        "dashboard",
        "mongo",
        "monitor",
        "mysql",
        "otlp",
        "parquet",
        "postgres",
        "sql",
        "sqlite",
    )
)
"""The distributions in this repository's folder `plugins`. All other plugins are external."""

_AFTER_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
"""The first character after the distribution's name in a requirement."""


@dataclass(frozen=True)
class PluginInfo:
    """A plugin and its origin, for messages and `flask chest plugins`.

    Attributes:
        name: Name of the entry point, or the one given to `FlaskChest.register_plugin`.
        distribution: Name of the installed distribution; None for a registered object.
        version: Its version; None for a registered object.
        hooks: Names of the hooks that it implements.
        left_out: The setting that kept it from being loaded, such as ``CHEST_BLOCK_PLUGINS``;
            None for a loaded plugin.
    """

    name: str
    distribution: str | None = None
    version: str | None = None
    hooks: tuple[str, ...] = ()
    left_out: str | None = None

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.origin})"

    @property
    def origin(self) -> str:
        """Distribution and version, or ``registered``."""
        return f"{self.distribution} {self.version}" if self.distribution else "registered"

    @property
    def remedy(self) -> str:
        """What to do about a faulty plugin, as the last sentence of an error."""
        if self.distribution is None:
            return "Correct it, or do not register it"
        return (
            f"Upgrade it, uninstall it (pip uninstall {self.distribution}), or leave it out "
            f"with CHEST_BLOCK_PLUGINS={self.distribution}"
        )


@dataclass(frozen=True)
class Choice:
    """Which of the installed plugins an application loads.

    Attributes:
        allowed: CHEST_PLUGINS: names of entry points or distributions; None for all.
        blocked: CHEST_BLOCK_PLUGINS: such names too; takes precedence over `allowed`.
        external: CHEST_EXTERNAL_PLUGINS: whether plugins of other projects are loaded.
    """

    allowed: Collection[str] | None = None
    blocked: Collection[str] = ()
    external: bool = True

    def leaves_out(self, plugin: PluginInfo) -> str | None:
        """Return the setting that excludes a plugin; None when it is to be loaded."""
        if not self.external and canonical(plugin.distribution or "") not in OURS:
            return "CHEST_EXTERNAL_PLUGINS"
        if any(_is_name_of(name, plugin) for name in self.blocked):
            return "CHEST_BLOCK_PLUGINS"
        if self.allowed is not None and not any(_is_name_of(name, plugin) for name in self.allowed):
            return "CHEST_PLUGINS"
        return None

    def check(self, found: Collection[PluginInfo]) -> None:
        """Look for names of plugins that are not installed.

        A blocked plugin may be missing, as one configuration may serve many machines. Its name may
        also be misspelt, so it is logged.

        Raises:
            ConfigurationError: An allowed plugin is not installed.
        """
        for setting, names in (
            ("CHEST_PLUGINS", self.allowed or ()),
            ("CHEST_BLOCK_PLUGINS", self.blocked),
        ):
            for name in names:
                if any(_is_name_of(name, plugin) for plugin in found):
                    continue
                known = sorted({n for p in found for n in (p.name, p.distribution) if n})
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Installed: {known}"
                message = f"{setting}: no installed plugin is called {name!r}. {hint}"
                if setting == "CHEST_PLUGINS":
                    raise ConfigurationError(message, setting=setting)
                logger.warning("%s", message)


def load(choice: Choice) -> Iterator[tuple[PluginInfo, object]]:
    """Yield each installed plugin with its module or object, in the order of their names.

    A plugin that is left out is not imported; it comes with None.

    Raises:
        ConfigurationError: CHEST_PLUGINS names a plugin that is not installed. Or a plugin that is
            to be loaded requires another version of Flask-Chest, or cannot be imported.
    """
    found = _installed.plugins()
    choice.check([plugin for plugin, _, _ in found])
    for plugin, entry, requirements in found:
        setting = choice.leaves_out(plugin)
        if setting is not None:
            yield PluginInfo(plugin.name, plugin.distribution, plugin.version, (), setting), None
            continue
        _check_version(plugin, requirements)
        try:
            loaded = entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ConfigurationError(
                f"The {plugin} cannot be imported from {entry.value}: "
                f"{type(error).__name__}: {ended(mask_secrets(str(error)))} {plugin.remedy}"
            ) from error
        yield plugin, loaded


def canonical(name: str) -> str:
    """Return a distribution's name in its normalised form, for comparison.

    https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


_Found: TypeAlias = "list[tuple[PluginInfo, EntryPoint, list[str]]]"
"""Each plugin with its entry point, and with what it requires of Flask-Chest."""


class _Installed:
    """The installed plugins, which are read once: that takes 0.1 ms for each distribution.

    They are read again when a distribution was installed or removed, or `sys.path` was changed.
    """

    def __init__(self) -> None:
        self._read: tuple[object, _Found] = (None, [])

    def plugins(self) -> _Found:
        """Return the plugins in the order of their names."""
        seen = [_seen(path) for path in sys.path], list(sys.meta_path)
        before, found = self._read
        if seen != before:
            found = [(_info(entry), entry, _requires(entry)) for entry in entry_points(group=GROUP)]
            found.sort(key=lambda each: (each[0].name, each[0].distribution or ""))
            self._read = seen, found
        return found


_installed: Final = _Installed()


def _seen(path: str) -> object:
    """Return what changes when a distribution is installed in a folder of `sys.path`.

    Not the time of the last change: an application may write into its folder all the time.
    """
    try:
        names = os.listdir(path or ".")  # noqa: PTH208 - a tenth of the time of a Path
    except OSError:  # an archive, or no folder at all
        return path
    return path, [name for name in names if name.endswith((".dist-info", ".egg-info", ".egg"))]


def _info(entry: EntryPoint) -> PluginInfo:
    if entry.dist is None:
        return PluginInfo(entry.name)
    return PluginInfo(entry.name, entry.dist.name, entry.dist.version)


def _is_name_of(name: str, plugin: PluginInfo) -> bool:
    if name == plugin.name:
        return True
    return plugin.distribution is not None and (canonical(name) == canonical(plugin.distribution))


def _requires(entry: EntryPoint) -> list[str]:
    texts = (entry.dist.requires if entry.dist else None) or ()
    return [text for text in texts if canonical(_AFTER_NAME.split(text)[0]) == "flask-chest"]


def _check_version(plugin: PluginInfo, requirements: Collection[str]) -> None:
    """Compare the version that a distribution requires of Flask-Chest with this one.

    pip compares them at installation, but not with ``--no-deps``; and it only warns when
    Flask-Chest is upgraded later. No code of the plugin has run yet.

    Raises:
        ConfigurationError: The distribution requires another version.
    """
    if not requirements or (
        canonical(plugin.distribution or "") in OURS and plugin.version == __version__
    ):
        return  # distributions of this project fit together when they have the same version
    from packaging.requirements import (  # noqa: PLC0415 - not needed for the plugins of this project
        InvalidRequirement,
        Requirement,
    )

    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # installers do not understand it either
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            raise ConfigurationError(
                f"The {plugin} was made for another version of Flask-Chest: it requires "
                f"flask-chest{requirement.specifier}, and flask-chest {__version__} is installed. "
                f"{plugin.remedy}"
            )

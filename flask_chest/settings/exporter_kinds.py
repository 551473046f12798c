"""Choose the exporter class that an entry of CHEST_EXPORTERS means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from flask_chest.errors import MASK
from flask_chest.exporter import Exporter
from flask_chest.runtime.frozen import is_frozen
from flask_chest.settings.exporter_faults import RETENTION, Place, wrong
from flask_chest.settings.masking import mask
from flask_chest.settings.secret_files import SUFFIX

if TYPE_CHECKING:
    from flask_chest.plugins.discovery import PluginInfo

_EXTRAS: Final = {
    "sqlite": "sqlite",
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongo": "mongo",
    "mongodb": "mongo",
    "otlp": "otlp",
}
"""Type or URL scheme of this project's own backends, to the extra that installs each."""

URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9.+-]+)?://.*", re.DOTALL)


class Kinds:
    """The exporter classes that an entry may choose from.

    Args:
        installed: Exporter classes by type.
        left_out: Installed plugins that were not loaded.
    """

    def __init__(
        self, installed: Mapping[str, type[Exporter]], left_out: Collection[PluginInfo]
    ) -> None:
        self._installed = installed
        self._left_out = left_out

    def named(self, where: str, name: str) -> type[Exporter]:
        """Return the class of a type.

        Raises:
            ConfigurationError: The type is not installed.
        """
        if name not in self._installed:
            raise wrong(f"{where}: {self._not_installed(name)}")
        return self._installed[name]

    def of_url(self, place: Place, url: str) -> type[Exporter]:
        """Return the class that the scheme of a URL means.

        Raises:
            ConfigurationError: It is not a URL, or its scheme means no class or several.
        """
        match = URL.fullmatch(url)
        if match is None:
            raise wrong(self._no_url(place, url))
        scheme = match[1].lower()
        if scheme in self._installed:
            return self._installed[scheme]
        kinds = [kind for kind in self._installed.values() if scheme in kind.schemes]
        if len(kinds) > 1:
            raise wrong(
                f"{place.url(url)}: URLs with {scheme!r} belong to several types, "
                f"{sorted(kind.type for kind in kinds)}. Choose one: {{'type': ..., 'url': ...}}"
            )
        return kinds[0] if kinds else self.named(place.url(url), scheme)

    def refuse_foreign(self, place: Place, kind: type[Exporter], url: object) -> None:
        """Refuse the URL of another type.

        A type with a field `url` decides itself: it may be one that passes records on.

        Raises:
            ConfigurationError: Its scheme means other types, and not this one.
        """
        is_own = "url" in kind.config_model.model_fields
        match = URL.fullmatch(url) if isinstance(url, str) and not is_own else None
        schemes = {match[1].lower(), f"{match[1]}{match[2] or ''}".lower()} if match else set()
        kinds = self._installed.values()
        others = [
            *(each.type for each in kinds if schemes & {each.type, *each.schemes}),
            *(_EXTRAS[scheme] for scheme in schemes & _EXTRAS.keys()),
        ]
        if others and kind.type not in others:
            raise wrong(
                f"{place.url(str(url))}: the URL is one of the type {others[0]!r}, and "
                f"the entry has the type {kind.type!r}. Correct one of them"
            )

    def _no_url(self, place: Place, text: str) -> str:
        """Say that a text is no URL, and show it where it is no secret."""
        names = {*_EXTRAS, *self._installed}
        is_known = any(re.match(rf"{re.escape(name)}(:?/|$)", text.lower()) for name in names)
        variable = place.url(text)
        said = f"{variable}={mask(text) if is_known or not text else repr(MASK)} is not a URL. "
        field = self._field_in(place.name.lower())
        if field and variable.lower().endswith(f"__{place.name.lower()}"):
            exporter = place.name[: -len(field)].rstrip("_") or "main"
            begin = variable[: len(variable) - len(place.name)]
            return (
                f"{said}Two underscores separate the name of an exporter and its field: "
                f"{begin}{exporter.upper()}__{field.upper()}"
            )
        return (
            f"{said}A URL begins with a type and '://', such as "
            "'sqlite:////var/lib/shop/chest.sqlite3'"
        )

    def _field_in(self, name: str) -> str:
        """Return the field of an exporter with which a name ends; empty for none."""
        models = [kind.config_model for kind in self._installed.values()]
        known = {
            "type",
            "url",
            RETENTION,
            *(field for each in models for field in each.model_fields),
        }
        known |= {f"{field}{SUFFIX}" for field in known}
        return max((each for each in known if f"_{name}".endswith(f"_{each}")), key=len, default="")

    def installed(self) -> str:
        """Return the names of the installed types, for messages."""
        return ", ".join(sorted(self._installed)) or "none"

    def _not_installed(self, name: str) -> str:
        schemes = {s: kind.type for kind in self._installed.values() for s in kind.schemes}
        known = {**_EXTRAS, **schemes, **{kind: kind for kind in self._installed}}
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = f"Installed: {self.installed()}"
        if name in schemes:
            hint = f"Did you mean {schemes[name]!r}? {hint}"
        elif near and near[0] != name:
            hint = f"Did you mean {near[0]!r}? {hint}"
        present = {*self._installed, *(plugin.name for plugin in self._left_out)}
        if near and known[near[0]] not in present:
            hint = f"{hint}. {_how_to_get(known[near[0]])}"
        elif is_frozen():
            hint = f"{hint}. {_IN_FROZEN}"
        elif not near and not self._left_out:
            hint = f"{hint}. Install the plugin for it with pip, or correct its name"
        if self._left_out:
            others = ", ".join(f"the {plugin} by {plugin.left_out}" for plugin in self._left_out)
            hint = f"{hint}. Left out: {others}"
        return f"no installed plugin exports to {name!r}. {hint}"


_IN_FROZEN: Final = (
    "In a frozen application, import the plugin's module and give it to chest.register_plugin() "
    "before init_app, or collect the plugin with its metadata, as PyInstaller does by itself"
)


def _how_to_get(backend: str) -> str:
    """Return the remedy for a backend of this project that is missing."""
    if not is_frozen():
        folder = f"plugins/flask_chest_{backend}"
        return f"To install it: pip install 'flask-chest[{backend}]', or {folder} of a clone"
    package, distribution = f"flask_chest_{backend}", f"flask-chest-{backend}"
    return (
        f"{_IN_FROZEN}: `import {package}.hooks; chest.register_plugin({package}.hooks)`, or "
        f"install {distribution} where PyInstaller builds the application"
    )

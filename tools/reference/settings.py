"""The tables of all settings, and of all fields of exporters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flask_chest.exporter import Exporter
from flask_chest.settings.environment import SEPARATOR
from flask_chest.settings.exporter_faults import RETENTION
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, Settings
from flask_chest.settings.secret_files import SUFFIX, is_secret
from flask_chest.store import Store
from tools.reference.blocks import table
from tools.reference.fields import default_of, meaning_of, type_of
from tools.reference.hooks import implementations

_DEFAULT: Final = "Default: "
_MEANING: Final = "meaning; type, unit and bounds; default"


def settings() -> dict[str, Callable[[], str]]:
    """Return what makes the tables of settings: of the core, and of each plugin that has some."""
    found: dict[str, type[BaseModel]] = {"settings": Settings}
    for name, hooks in implementations("chest_settings"):
        found[f"settings of {name}"] = hooks()
    return {name: _of_settings(model) for name, model in found.items()}


def exporters() -> dict[str, Callable[[], str]]:
    """Return what makes the table of fields of each type of exporter."""
    types: list[type[Exporter]] = []
    for _, hooks in implementations("chest_exporters"):
        types += hooks()
    return {f"fields of {kind.type}": _of_exporter(kind) for kind in types}


def _of_settings(model: type[BaseModel]) -> Callable[[], str]:
    def make() -> str:
        return table(
            ("setting, and its name in the environment", _MEANING),
            [
                (
                    _anchor(f"{CONFIG_PREFIX}{name}")
                    + _named(CONFIG_PREFIX, ENVIRONMENT_PREFIX, name, field),
                    _told(name, field),
                )
                for name, field in model.model_fields.items()
            ],
        )

    return make


def _of_exporter(kind: type[Exporter]) -> Callable[[], str]:
    def make() -> str:
        rows = [
            (
                _anchor(f"{kind.type}-{name}") + _named("", SEPARATOR, name, field),
                _told(name, field),
            )
            for name, field in kind.config_model.model_fields.items()
        ]
        if issubclass(kind, Store):
            shared = Settings.model_fields[RETENTION]
            told = f"How long this store keeps a record.<br>{type_of(RETENTION, shared)}; default: "
            named = _anchor(f"{kind.type}-{RETENTION}") + _named("", SEPARATOR, RETENTION, shared)
            rows.append((named, f"{told}`CHEST_RETENTION`"))
        return table(("field, and the end of its name in the environment", _MEANING), rows)

    return make


def _anchor(name: str) -> str:
    """Return a place that a link may point to: `#chest-fsync`, `#postgres-pool-size`."""
    return f'<a id="{name}"></a>'.lower().replace("_", "-")


def _told(name: str, field: FieldInfo) -> str:
    """Return meaning, type, unit and default, in one cell: on a narrow page, more have no room."""
    meaning, parts = meaning_of(field), [type_of(name, field)]
    default = default_of(name, field)
    # Where nothing is the default, the meaning says what it does: "Default: 1 GiB".
    if default != "`None`" or _DEFAULT not in meaning:
        parts.append(default if default == "required" else f"default: {default}")
    return f"{meaning}<br>{'; '.join(parts)}"


def _named(prefix: str, environment: str, name: str, field: FieldInfo) -> str:
    """Return the names of a setting: in the configuration, in the environment, of a file."""
    own = f"{prefix}{name.upper()}" if prefix else name
    names = [own, f"{environment}{name.upper()}"]
    if is_secret(name, field):
        names.append(f"{environment}{name.upper()}{SUFFIX.upper()}")
    return "<br>".join(f"`{each}`" for each in names)

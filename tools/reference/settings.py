"""The tables of all settings, and of all fields of exporters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flask_chest.exporter import Exporter
from flask_chest.settings.exporters import RETENTION
from flask_chest.settings.model import CONFIG_PREFIX, ENVIRONMENT_PREFIX, Settings
from flask_chest.settings.secret_files import SUFFIX, is_secret
from flask_chest.store import Store
from tools.reference.blocks import table
from tools.reference.fields import default_of, meaning_of, type_of
from tools.reference.hooks import implementations

_HEAD: Final = ("type", "default", "meaning")


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
            ("setting, and its name in the environment", *_HEAD),
            [
                (_named(CONFIG_PREFIX, ENVIRONMENT_PREFIX, name, field), *_row(name, field))
                for name, field in model.model_fields.items()
            ],
        )

    return make


def _of_exporter(kind: type[Exporter]) -> Callable[[], str]:
    def make() -> str:
        prefix = f"{ENVIRONMENT_PREFIX}EXPORTERS__MAIN__"
        rows = [
            (_named("", prefix, name, field), *_row(name, field))
            for name, field in kind.config_model.model_fields.items()
        ]
        if issubclass(kind, Store):
            shared = Settings.model_fields[RETENTION]
            rows.append((
                _named("", prefix, RETENTION, shared),
                type_of(RETENTION, shared),
                "`CHEST_RETENTION`",
                "How long this store keeps a record.",
            ))  # fmt: skip
        return table(("field, and its name in the environment", *_HEAD), rows)

    return make


def _row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    return type_of(name, field), default_of(name, field), meaning_of(field)


def _named(prefix: str, environment: str, name: str, field: FieldInfo) -> str:
    """Return the names of a setting: in the configuration, in the environment, of a file."""
    own = f"{prefix}{name.upper()}" if prefix else name
    names = [own, f"{environment}{name.upper()}"]
    if is_secret(name, field):
        names.append(f"{environment}{name.upper()}{SUFFIX.upper()}")
    return "<br>".join(f"`{each}`" for each in names)

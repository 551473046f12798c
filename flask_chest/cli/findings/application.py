"""What is found of the settings, the plugins and the routes of an application."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from flask_chest.capture.endpoints import excluded
from flask_chest.cli.application import found_plugins, is_standalone
from flask_chest.cli.findings.found import Found
from flask_chest.cli.masked import masked_names
from flask_chest.cli.tracked import endpoints
from flask_chest.redaction import KINDS
from flask_chest.settings.model import CONFIG_PREFIX
from flask_chest.settings.secret_files import SUFFIX

if TYPE_CHECKING:
    from flask import Flask
    from pydantic import BaseModel

    from flask_chest.app_state import AppState
    from flask_chest.redaction import Redactor
    from flask_chest.runtime.counters import Stats

_MAX_PLACES: Final = 5


def settings_findings(state: AppState) -> Iterator[Found]:
    """Yield which settings are set, and which of them contradict each other."""
    if is_standalone():
        return  # those of the application are not known here
    options = state.options
    if state.mode:
        yield Found("warning", "settings", "mode", state.mode)
    yield Found("ok", "settings", "", _set_in(state, options))
    for plugin, settings in sorted(state.plugin_settings.items()):
        yield Found("ok", "settings", plugin, _set_in(state, settings))
    app = state.app()
    if late := state.late_settings.names(app.config) if app is not None else ():
        yield Found(
            "warning",
            "settings",
            "too late",
            f"{', '.join(late)} in app.config was changed after FlaskChest had read it, and has no "
            "effect",
            "Set it before init_app, or before FlaskChest(app)",
        )
    yield Found("ok", "settings", "masked", _masked(state.redact))
    if options.retry_seconds > options.retry_max_seconds:
        yield Found(
            "warning",
            "settings",
            "retries",
            "CHEST_RETRY_SECONDS is above CHEST_RETRY_MAX_SECONDS, and has no effect",
            "Raise the ceiling",
        )
    if options.journal_max_bytes is not None and options.batch_bytes > options.journal_max_bytes:
        yield Found(
            "warning",
            "settings",
            "batches",
            "CHEST_BATCH_BYTES is above CHEST_JOURNAL_MAX_BYTES, so no batch can be that large",
            "Lower it",
        )


def _set_in(state: AppState, settings: BaseModel) -> str:
    """Return which of these settings have another value than their default."""
    names = [
        f"{CONFIG_PREFIX}{name.upper()}{_source(state, name)}"
        for name, field in type(settings).model_fields.items()
        if getattr(settings, name) != field.get_default(call_default_factory=True)
    ]
    if names:
        return f"set are {', '.join(names)}"
    last = " ".join((inspect.getdoc(type(settings)) or "").rpartition("\n\n")[2].split())
    for name in type(settings).model_fields:
        last = last.replace(f"`{name}`", f"{CONFIG_PREFIX}{name.upper()}")
    return f"none is set. {last}" if last.startswith("Without ") else "none is set"


def _masked(redact: Redactor) -> str:
    """Return what is masked in records."""
    keys = "secret keys" if redact.keys.has_secrets else "no keys"
    kinds = ", ".join(redact.kinds.masked) or "nothing"
    left_out = ", ".join(kind for kind in KINDS if kind not in redact.kinds.masked)
    return f"{keys}, and in texts {kinds}{f'; not {left_out}' if left_out else ''}"


def _source(state: AppState, name: str) -> str:
    """Return where a setting comes from, in brackets."""
    sources = state.sources.get(name) or state.sources.get(f"{name}{SUFFIX}")
    return f" ({' and '.join(sources)})" if sources else ""


def plugin_findings(state: AppState, stats: Stats) -> Iterator[Found]:
    """Yield which plugins are there, and which of them raise."""
    loaded = [plugin for plugin in found_plugins() if not plugin.left_out]
    left_out = [f"{plugin.name} by {plugin.left_out}" for plugin in state.plugins.left_out]
    text = ", ".join(plugin.name for plugin in loaded) or "none"
    text += f"; left out: {', '.join(left_out)}" if left_out else ""
    yield Found("ok", "plugins", "", text)
    for key, number in stats.plugin_errors.items():
        yield Found(
            "warning",
            "plugins",
            key,
            f"raised {number:,} times",
            "The log of the application has the exception. Correct or upgrade the plugin",
        )


def tracked_findings(app: Flask, state: AppState) -> Iterator[Found]:
    """Yield how many endpoints are tracked, and which are not."""
    found = endpoints(app, state.capture.rules)
    number = len(found.tracked) + len(found.untracked)
    text = f"{len(found.tracked)} of {number} endpoints"
    if found.untracked:
        shown = ", ".join(found.untracked[:_MAX_PLACES])
        more = len(found.untracked) - _MAX_PLACES
        text += f"; not {shown}{f' and {more} more' if more > 0 else ''}"
    yield Found("ok", "settings", "tracked", text)


def pattern_findings(app: Flask, state: AppState) -> Iterator[Found]:
    """Yield the patterns of endpoints that fit no endpoint of the application."""
    options = state.options
    rates = options.sample_rate if isinstance(options.sample_rate, dict) else {}
    names = sorted({rule.endpoint for rule in app.url_map.iter_rules()})
    for setting, patterns in (
        ("CHEST_EXCLUDE_ENDPOINTS", options.exclude_endpoints),
        ("CHEST_SAMPLE_RATE", rates),
    ):
        for pattern in patterns:
            if pattern == "*" or any(excluded([pattern])(name) for name in names):
                continue
            near = difflib.get_close_matches(pattern, names, n=1)
            yield Found(
                "warning" if near else "ok",
                "settings",
                "endpoints",
                f"{setting} has {pattern!r}, which is no endpoint of this application. A job may "
                "have the name",
                f"Did you mean {near[0]!r}?" if near else "",
            )


def masked_findings(app: Flask, state: AppState) -> Iterator[Found]:
    """Yield what routes name and will not get, because it is always masked."""
    for name, places in masked_names(app, state.capture.rules, state.redact.keys):
        shown = ", ".join(places[:_MAX_PLACES]) + (", ..." if len(places) > _MAX_PLACES else "")
        yield Found(
            "warning",
            "settings",
            "masked",
            f"{name!r} is named for {shown} and always masked",
            f"To keep it, set CHEST_REDACT_KEYS = [{'!' + name!r}]; else remove the name",
        )

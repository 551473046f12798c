"""The hooks that a plugin may implement, for pluggy's project `flask_chest`.

A plugin is a module or object with functions marked `@hookimpl`, either found through the entry
point group ``flask_chest`` or given to `FlaskChest.register`. A function may leave out parameters
that it does not need. A hook that nobody implements costs a request nothing. Whatever an
implementation raises is counted in `chest.stats().plugin_errors` and logged at most once a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.exporter import Batch, Exporter

hookspec = pluggy.HookspecMarker("flask_chest")
hookimpl = pluggy.HookimplMarker("flask_chest")


@hookspec(firstresult=True)
def chest_request_id(request: Request) -> str | None:
    """Give a request its ID.

    Called once for each tracked request, before the application's own `before_request` functions.
    The first implementation that does not return None decides.

    Args:
        request: The Flask request. Only its URL has been matched so far.

    Returns:
        1 to 255 visible ASCII characters without spaces, or None to leave it to the next source.

    When it raises, or returns anything else, the next source gives the ID.
    """


@hookspec
def chest_filter_variables(variables: dict[str, object], request: Request) -> None:
    """Remove, change or add variables of a request, in place.

    Called once for each tracked request, when it is torn down, after names and patterns have
    chosen and before values are made fit for JSON.

    Args:
        variables: Name to value, as they stood on `flask.g`.
        request: The Flask request, read only by now.

    When it raises, the record is kept without any variables: one that a filter would have taken
    out must not slip through.
    """


@hookspec
def chest_exporters() -> list[type[Exporter]]:  # type: ignore[empty-body]
    """Announce exporter classes.

    Called once for each application, in `init_app`. All results are collected; two classes with
    the same `type` are refused, and both are named.

    When it raises, `init_app` stops with an error that names the plugin.
    """


@hookspec
def chest_exported(exporter: str, batch: Batch) -> None:
    """Hear that a batch has been committed.

    Called in the exporter's own thread, after the database has committed and before the cursor
    has moved; after a crash in between, the same records are announced again.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        batch: What was delivered.

    When it raises, the delivery stands.
    """


@hookspec
def chest_export_failed(exporter: str, error: Exception) -> None:
    """Hear that an attempt to deliver failed. The records wait and are tried again.

    Called in the exporter's own thread.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        error: `ExporterUnavailable`, `BatchRejected` for a record that has been set aside, or
            whatever the exporter raised.

    When it raises, nothing changes.
    """

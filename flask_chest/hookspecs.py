"""The hooks that a plugin may implement, for pluggy's project `flask_chest`.

A plugin is a module or object with functions marked `@hookimpl`. It is found through the entry
point group ``flask_chest``, or given to `FlaskChest.register_plugin`. A function may leave out
parameters that it does not need. A hook that nobody implements costs a request nothing.

Of several plugins those marked ``tryfirst`` are called first, then the registered ones, the newest
first, then the installed ones in the order of their names, at last those marked ``trylast``. What
one raises is counted in `chest.stats().plugin_errors`, logged at most once a minute, and keeps no
other from being called.
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

    When it raises, or returns anything else, the next plugin is asked, then the next source.
    """


@hookspec
def chest_filter_variables(variables: dict[str, object], request: Request) -> None:
    """Remove, change or add variables of a request, in place.

    Called once for each tracked request, when it is torn down, after names and patterns have
    chosen and before values are made fit for JSON.

    Args:
        variables: Name to value, as they stood on `flask.g`.
        request: The Flask request, read only by now.

    Returns:
        Nothing; what is returned is ignored.

    When it raises, all variables that are there are withheld: one that it would have taken out
    must not slip through. The record is kept, and later plugins may add variables.
    """


@hookspec
def chest_exporters() -> list[type[Exporter]]:  # type: ignore[empty-body]
    """Announce exporter classes.

    Called once for each application, in `init_app`.

    Returns:
        Classes derived from `flask_chest.exporter.Exporter`. Those of all plugins are collected;
        two with the same `type` are refused, and both plugins are named.

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

    Returns:
        Nothing; what is returned is ignored.

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

    Returns:
        Nothing; what is returned is ignored.

    When it raises, nothing changes.
    """

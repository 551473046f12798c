"""The hooks that a plugin may implement.

A plugin is a module or an object with functions marked `@hookimpl`. It is found through the
entry-point group ``flask_chest``, or registered with `FlaskChest.register_plugin`. An
implementation may leave out parameters. A hook that nobody implements costs a request nothing.

Order of calls: plugins marked ``tryfirst``, then registered plugins, the newest first, then
installed plugins by name, then plugins marked ``trylast``. When one raises, the others are still
called. The error is counted in `chest.stats().plugin_errors` and logged at most once a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click
    from flask import Flask, Request
    from pydantic import BaseModel

    from flask_chest.exporter import Batch, Exporter
    from flask_chest.extension import FlaskChest
    from flask_chest.record import RecordData

__all__ = [
    "chest_commands",
    "chest_drop_record",
    "chest_export_failed",
    "chest_exported",
    "chest_exporters",
    "chest_filter_variables",
    "chest_init_app",
    "chest_request_id",
    "chest_settings",
    "hookimpl",
]

hookspec = pluggy.HookspecMarker("flask_chest")
hookimpl = pluggy.HookimplMarker("flask_chest")


@hookspec(firstresult=True)
def chest_request_id(request: Request, settings: BaseModel | None) -> str | None:
    """Return the ID of a request.

    Called once for each tracked request, before the `before_request` functions of the application.
    The first result that is not None is used; later plugins are not called.

    Args:
        request: The Flask request. Its URL has been matched; no code of the application has run.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        1 to 255 visible ASCII characters without spaces; or None, to leave it to the next plugin,
        then to the route's generator, then to the inbound header.

    When it raises or returns anything else, the next plugin is called.
    """


@hookspec
def chest_filter_variables(
    variables: dict[str, object], request: Request | None, settings: BaseModel | None
) -> None:
    """Remove, change or add variables of a request or a job, in place.

    Called once for each tracked request and for each job, when it ends: after names and patterns
    have selected the variables, before their values are encoded.

    Args:
        variables: Name to value, as on `flask.g`, or as the job was given them.
        request: The Flask request; None for a job, also for one within a request.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        Nothing. Another dict is an error, as nothing uses it; any other result is ignored.

    When it raises, all variables are removed, as they may include what it was to remove. The record
    is kept, and later plugins may add variables.
    """


@hookspec
def chest_drop_record(
    record: RecordData, request: Request | None, settings: BaseModel | None
) -> bool | None:
    """Return whether the record of a request or a job is dropped.

    Called once for each record that sampling keeps, when its request or job ends, before the
    record is written.

    Args:
        record: The whole record as a dict, with its final variables and without secrets. Its
            `weight` does not know CHEST_MAX_RECORDS_PER_SECOND yet. A change has no effect.
        request: The Flask request; None for a job.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        True to drop the record, which `chest.stats().excluded` counts. Later plugins are not
        called. False or None to keep it, as far as this plugin is concerned.

    When it raises, the record is kept, unless another plugin drops it.
    """


@hookspec
def chest_exporters() -> list[type[Exporter]]:  # type: ignore[empty-body]  # it is a specification
    """Return exporter classes.

    Called once for each application, in `init_app`.

    Returns:
        Classes derived from `flask_chest.Exporter`. Two plugins with classes of the same `type` are
        refused.

    When it raises, `init_app` raises an error that names the plugin.
    """


@hookspec
def chest_settings() -> type[BaseModel]:  # type: ignore[empty-body]  # it is a specification
    """Return a model of the plugin's own settings.

    Called once for each application, in `init_app`, before anything is opened.

    Returns:
        A class derived from `pydantic.BaseModel`. Its field `monitor_token` is the setting
        CHEST_MONITOR_TOKEN, from all sources of settings. Begin each name with that of the plugin:
        a field that Flask-Chest or another plugin has is refused. Each has a default and a
        description. Where none is set, `flask chest check` shows the last paragraph of its
        docstring if that begins with "Without": what there is not, then.

    When it raises, `init_app` raises an error that names the plugin.
    """


@hookspec
def chest_init_app(app: Flask, chest: FlaskChest, settings: BaseModel | None) -> None:
    """Add views or whatever else to an application.

    Called once for each application, at the end of `init_app`.

    Args:
        app: The application. It has its `chest`, and has served no request.
        chest: What it was initialised with. It may have other applications, too, so its methods
            are called within the application context.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        Nothing; a result is ignored.

    When it raises, `init_app` raises an error that names the plugin.
    """


@hookspec
def chest_commands() -> list[click.Command]:  # type: ignore[empty-body]  # it is a specification
    """Return commands for the group `flask chest`.

    Called when a command is asked for that Flask-Chest itself does not have, or when all are
    listed. The program `flask-chest`, which has no application, asks the installed plugins.

    Returns:
        Commands and groups of click. Decorate one that needs the application with
        `flask.cli.with_appcontext`. A name that Flask-Chest or another plugin has is refused.

    When it raises, the command line names the plugin. The commands of Flask-Chest itself work.
    """


@hookspec
def chest_exported(exporter: str, batch: Batch, settings: BaseModel | None) -> None:
    """Called after a batch was committed.

    Called in the exporter's thread, after the database has committed and before the cursor moves.
    After a crash in between, it is called again for the same records.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        batch: The delivered batch.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        Nothing; a result is ignored.

    When it raises, the batch counts as delivered all the same.
    """


@hookspec
def chest_export_failed(exporter: str, error: Exception, settings: BaseModel | None) -> None:
    """Called after an attempt to deliver failed. The records wait for a retry.

    Called in the exporter's thread.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        error: `ExporterUnavailable`; `BatchRejected` for a record that was dead-lettered; or any
            other exception of the exporter.
        settings: What `chest_settings` of the same plugin describes, validated; None without it.

    Returns:
        Nothing; a result is ignored.

    When it raises, the records are retried all the same.
    """

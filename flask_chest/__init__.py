"""Flask-Chest records what a Flask route puts on `flask.g`, one record per request.

Here are the names that most applications and plugins need. They add nothing to the time of
``import flask_chest``, as the extension imports their modules anyway.
"""

import typing as _typing

from flask_chest import (
    _old_names,
    _platform,  # noqa: F401 - before what cannot be imported elsewhere
)
from flask_chest._version import __version__
from flask_chest.capture.job import Job
from flask_chest.correlation import RequestIdFilter, add_request_id, outbound_headers
from flask_chest.current import current_request_id, with_request_id
from flask_chest.errors import (
    BatchRejected,
    ChestError,
    ConfigurationError,
    DeliveryBusy,
    ExporterUnavailable,
    FilterError,
    SchemaMismatch,
)
from flask_chest.exporter import Batch, Exporter
from flask_chest.extension import FlaskChest
from flask_chest.hookspecs import hookimpl
from flask_chest.opening import open_store
from flask_chest.record import Record
from flask_chest.runtime.counters import ExporterStats, HookTime, Stats
from flask_chest.store import Store

__all__ = [
    "Batch",
    "BatchRejected",
    "ChestError",
    "ConfigurationError",
    "DeliveryBusy",
    "Exporter",
    "ExporterStats",
    "ExporterUnavailable",
    "FilterError",
    "FlaskChest",
    "HookTime",
    "Job",
    "Record",
    "RequestIdFilter",
    "SchemaMismatch",
    "Stats",
    "Store",
    "__version__",
    "add_request_id",
    "current_request_id",
    "hookimpl",
    "open_store",
    "outbound_headers",
    "with_request_id",
]

_old_names.watch()

if not _typing.TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Say what replaced a name of Flask-Chest 0.0.10."""
        said = _old_names.replaced(name) or f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(said, name=name)

"""Flask-Chest records what a Flask route puts on `flask.g`, one record per request."""

from flask_chest._version import __version__
from flask_chest.correlation import RequestIdFilter, add_request_id, outbound_headers
from flask_chest.extension import FlaskChest, current_request_id
from flask_chest.hookspecs import hookimpl

__all__ = [
    "FlaskChest",
    "RequestIdFilter",
    "__version__",
    "add_request_id",
    "current_request_id",
    "hookimpl",
    "outbound_headers",
]

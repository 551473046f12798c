"""Flask-Chest records what a Flask route puts on `flask.g`, one record per request."""

from flask_chest._version import __version__
from flask_chest.extension import FlaskChest, current_request_id
from flask_chest.hookspecs import hookimpl

__all__ = ["FlaskChest", "__version__", "current_request_id", "hookimpl"]

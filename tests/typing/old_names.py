"""A name that is not there is an error of the type checker, although `__getattr__` waits for it."""

from flask_chest import FlaskChestSQLite  # type: ignore[attr-defined] # that is the test
from flask_chest.exporter import FlaskChestExporter  # type: ignore[attr-defined] # that is the test

__all__ = ["FlaskChestExporter", "FlaskChestSQLite"]

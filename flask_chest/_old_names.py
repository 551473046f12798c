"""Says what replaced each name of Flask-Chest 0.0.10, to who imports or passes it.

It is all that is left of 0.0.10, and imports nothing: every `import flask_chest` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

PAGE: Final = "docs/how-to/from-0.0.10.md"

_SQLITE: Final = (
    "FlaskChest(app), and CHEST_EXPORTERS = {'main': 'sqlite:////var/lib/shop/chest.sqlite3'}"
)
_INFLUX: Final = (
    "FlaskChest(app), and an exporter: a database, or OpenTelemetry's (otlp+https://...) to a "
    "collector that writes to InfluxDB"
)
_DELIVERY: Final = "the background delivery of FlaskChest(app) to each of CHEST_EXPORTERS"
_TRACK: Final = "@chest.track({'GET': ['user_id']}), where chest = FlaskChest(app)"

NAMES: Final = {
    "FlaskChestSQLite": _SQLITE,
    "FlaskChestInfluxDB": _INFLUX,
    "FlaskChestCustomWriter": (
        "FlaskChest(app), and an exporter of your own, as examples/flask-chest-webhook has it"
    ),
    "chests": "FlaskChest(app) and CHEST_EXPORTERS",
    "chests.base": "FlaskChest(app)",
    "chests.custom": "an exporter of your own, as examples/flask-chest-webhook has it",
    "chests.influxDB": _INFLUX,
    "chests.sqlite": _SQLITE,
    "decorator": _TRACK,
    "exporter.FlaskChestExporter": _DELIVERY,
    "exporter.FlaskChestExporterInfluxDB": _INFLUX,
    "exporter.base": _DELIVERY,
    "exporter.influxDB": _INFLUX,
    "exporter.mysql": "CHEST_EXPORTERS = {'main': 'mysql://user:password@host:3306/database'}",
    "sqlite_utils": _SQLITE,
}
"""Each module, and each name that a module exports which is still there."""

_RECORD: Final = "Each record goes to every exporter of CHEST_EXPORTERS"
_URL: Final = "It is a part of the exporter's URL: CHEST_EXPORTERS = {'main': 'sqlite:///...'}"
_SERVER: Final = f"{_INFLUX}. It has a URL"
_WEBHOOK: Final = "An exporter of your own has it, as examples/flask-chest-webhook does"

ARGUMENTS: Final = {
    "chests": f"{_RECORD}: leave it out",
    "tracked_vars": "Give the dict itself: @chest.track({'GET': ['user_id']})",
    "request_id_generator": "Write @chest.track(..., request_id=generator)",
    "raise_exceptions": (
        "An error of delivery never reaches the request, so leave it out; CHEST_RAISE_ERRORS is "
        "for errors of capture, in tests"
    ),
    "db_uri": _URL,
    "name": "The table is called chest_records. A field of the exporter changes its prefix",
    "https": _SERVER,
    "host": _SERVER,
    "port": _SERVER,
    "token": _SERVER,
    "org": _SERVER,
    "bucket": _SERVER,
    "custom_tags": "Put what each record is to have on flask.g, or set CHEST_SERVICE",
    "logger": "Messages go to logging.getLogger('flask_chest')",
    "url": _WEBHOOK,
    "headers": _WEBHOOK,
    "params": _WEBHOOK,
    "proxies": _WEBHOOK,
    "payload_generator": _WEBHOOK,
    "verify": _WEBHOOK,
    "success_status_codes": _WEBHOOK,
    "interval_minutes": "Write CHEST_EXPORT_INTERVAL_SECONDS",
    "chest": f"{_RECORD}: leave it out",
    "user": _URL,
    "password": _URL,
    "database": _URL,
}
"""Each argument of 0.0.10's decorator and classes."""

ATTRIBUTES: Final = {
    "app": "current_app of Flask: one FlaskChest may have any number of applications",
    "db_uri": "CHEST_EXPORTERS, and chest.store() to read",
    "register_table": "nothing to call: tables are created at the start",
    "to_dict": "flask chest check",
    "write": "with chest.record('name', user_id='u-17'): ..., for work that is no request",
}
"""Each attribute of 0.0.10's FlaskChest and of its subclass for SQLite."""


def replaced(name: str) -> str | None:
    """Return what replaced a name below `flask_chest`, in a sentence; None if it is none of 0.0.10.

    Args:
        name: Such as ``FlaskChestSQLite`` or ``exporter.influxDB``.
    """
    found = NAMES.get(name)
    if found is None:
        return None
    return f"flask_chest.{name} is of Flask-Chest 0.0.10. Now there is {found}. See {PAGE}"


def argument(name: str) -> str | None:
    """Return what replaced an argument, in a sentence; None if it is none of 0.0.10."""
    found = ARGUMENTS.get(name)
    return None if found is None else f"{name!r} is of Flask-Chest 0.0.10. {found}. See {PAGE}"


def attribute(name: str) -> str | None:
    """Return what replaced an attribute of a FlaskChest; None if it is none of 0.0.10."""
    found = ATTRIBUTES.get(name)
    if found is None:
        return None
    return f"FlaskChest.{name} is of Flask-Chest 0.0.10. Now there is {found}. See {PAGE}"


def refuse_arguments(function: str, names: Iterable[str]) -> None:
    """Refuse what a function does not take, as Python does, and say what replaced it.

    Raises:
        TypeError: There is one.
    """
    for name in names:
        hint = argument(name)
        more = "" if hint is None else f". {hint}"
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{more}")


class _Finder:
    """Is asked for a module after all others, so only for what is not there."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004 - the interface
        """Refuse a module of 0.0.10.

        ``from flask_chest import x`` asks for it, too, where there is no such name.

        Raises:
            ImportError: It is one. A `ModuleNotFoundError` would be passed over.
        """
        package, _, rest = name.partition(".")
        said = replaced(rest) if package == "flask_chest" else None
        if said is not None:
            raise ImportError(said, name=name)


def watch() -> None:
    """Say from now on what replaced a module that is imported."""
    sys.meta_path.append(_Finder)

"""Says what replaced each name of Flask-Chest 0.0.10, to who imports or passes it.

It is all that is left of 0.0.10, and imports nothing: every `import flask_chest` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

PAGE: Final = (
    "the page 'From 0.0.10' of the documentation, which is docs/how-to/from-0.0.10.md in the "
    "repository"
)

_SQLITE: Final = "CHEST_EXPORTERS = {'main': 'sqlite:////var/lib/shop/chest.sqlite3'}"
_INFLUX: Final = (
    "an exporter: a database, or OpenTelemetry's (otlp+https://...) to a collector that writes to "
    "InfluxDB"
)
_WEBHOOK: Final = (
    "an exporter of your own, as the example flask-chest-webhook in the repository has it"
)
_DELIVERY: Final = (
    "a delivery that starts by itself, in the background, to each of CHEST_EXPORTERS; "
    "chest.flush() delivers at once"
)
_ROWS: Final = (
    "chest.record('name', user_id='u-17') to write, and chest.store() or open_store(url) to read"
)
_AT_START: Final = "nothing to call: the tables are created at the start"

REPLACED: Final = {
    "FlaskChest": "FlaskChest(app), in flask_chest",
    "FlaskChestSQLite": _SQLITE,
    "sqlite_write": _ROWS,
    "create_sqlite_table": _AT_START,
    "DEFAULT_SCHEMA": _AT_START,
    "FlaskChestInfluxDB": _INFLUX,
    "create_influxdb_datapoint": _INFLUX,
    "FlaskChestCustomWriter": _WEBHOOK,
    "flask_chest": "@chest.track({'GET': ['user_id']}), where chest = FlaskChest(app)",
    "set_custom_request_id": "CHEST_REQUEST_ID_GENERATOR, and g.request_id",
    "write_tracked_variables": (
        "nothing to call: what @chest.track names is written when the request ends"
    ),
    "FlaskChestExporter": _DELIVERY,
    "FlaskChestExporterInfluxDB": _INFLUX,
    "FlaskChestExporterMySQL": (
        "CHEST_EXPORTERS = {'main': 'mysql://user:password@host:3306/database'}"
    ),
}
"""What replaced each class, function and constant. The guide's table says the same."""

_IN_SQLITE: Final = ("FlaskChestSQLite", "sqlite_write", "create_sqlite_table", "DEFAULT_SCHEMA")
_IN_INFLUX: Final = ("FlaskChestInfluxDB", "create_influxdb_datapoint")

NAMES: Final = {
    "FlaskChestSQLite": ("FlaskChestSQLite",),
    "FlaskChestInfluxDB": ("FlaskChestInfluxDB",),
    "FlaskChestCustomWriter": ("FlaskChestCustomWriter",),
    # Python imports it before its modules, so it is all that is heard of for a name in them.
    "chests": ("FlaskChest", *_IN_SQLITE, *_IN_INFLUX, "FlaskChestCustomWriter"),
    "chests.base": ("FlaskChest", "DEFAULT_SCHEMA"),
    "chests.custom": ("FlaskChestCustomWriter",),
    "chests.influxDB": _IN_INFLUX,
    "chests.sqlite": _IN_SQLITE,
    "decorator": ("flask_chest", "set_custom_request_id", "write_tracked_variables"),
    "exporter.FlaskChestExporter": ("FlaskChestExporter",),
    "exporter.FlaskChestExporterInfluxDB": ("FlaskChestExporterInfluxDB",),
    "exporter.base": ("FlaskChestExporter",),
    "exporter.influxDB": ("FlaskChestExporterInfluxDB",),
    "exporter.mysql": ("FlaskChestExporterMySQL",),
    "sqlite_utils": ("sqlite_write", "create_sqlite_table"),
}
"""Each module, and each name that a module exports which is still there: what was in it."""

_RECORD: Final = "Each record goes to every exporter of CHEST_EXPORTERS"
_URL: Final = "It is a part of the exporter's URL: CHEST_EXPORTERS = {'main': 'sqlite:///...'}"
_SERVER: Final = f"Now there is {_INFLUX}. It has a URL"
_POSTED: Final = (
    "An exporter of your own has it, as the example flask-chest-webhook in the repository does"
)

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
    "url": _POSTED,
    "headers": _POSTED,
    "params": _POSTED,
    "proxies": _POSTED,
    "payload_generator": _POSTED,
    "verify": _POSTED,
    "success_status_codes": _POSTED,
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
    """Return what replaced a name below `flask_chest`; None if it is none of 0.0.10.

    Of a module with several names, it has a line for each replacement.

    Args:
        name: Such as ``FlaskChestSQLite`` or ``exporter.influxDB``.
    """
    names = NAMES.get(name)
    if names is None:
        return None
    by_replacement: dict[str, list[str]] = {}
    for each in names:
        by_replacement.setdefault(REPLACED[each], []).append(each)
    begin = f"flask_chest.{name} is of Flask-Chest 0.0.10. Now there is"
    if len(by_replacement) == 1:
        return f"{begin} {REPLACED[names[0]]}. See {PAGE}"
    lines = (f"  {' and '.join(olds)}: {new}" for new, olds in by_replacement.items())
    return "\n".join((f"{begin} in place of", *lines, f"See {PAGE}"))


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

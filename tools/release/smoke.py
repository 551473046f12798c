"""What a distribution must be able to do in an environment that has it and nothing else.

Argument: its name. The current folder takes the files that it writes. It runs alone, with the
installed distributions and without this repository.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Final

from flask import Flask, g
from pydantic import BaseModel
from werkzeug.security import generate_password_hash

from flask_chest import Batch, ConfigurationError, Exporter, FlaskChest, hookimpl

_CLOSED: Final = "127.0.0.1:1"
"""Port 1, where nothing listens."""

_AWAY: Final = {
    "flask-chest-postgres": f"postgresql://shop:secret@{_CLOSED}/shop",
    "flask-chest-mysql": f"mysql://shop:secret@{_CLOSED}/shop",
    "flask-chest-mongo": f"mongodb://shop:secret@{_CLOSED}/shop",
    "flask-chest-clickhouse": f"clickhouse://shop:secret@{_CLOSED}/shop",
    "flask-chest-otlp": f"otlp+http://{_CLOSED}",
}
_HERE: Final = {
    "flask-chest-sqlite": "sqlite:///{folder}/chest.sqlite3",
    "flask-chest-parquet": "parquet:///{folder}/lake",
}


class NoConfig(BaseModel):
    """No fields."""


class Kept(Exporter):
    """An exporter of the core alone: the standard library's SQLite."""

    type = "kept"
    config_model = NoConfig
    path: ClassVar[Path] = Path("kept.sqlite3")

    def open(self) -> None:
        """Create the table."""
        with sqlite3.connect(self.path) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (id PRIMARY KEY, user_id, total)")
        connection.close()

    def export(self, batch: Batch) -> None:
        """Insert the records."""
        rows = [
            (record["id"], record["variables"]["user_id"], record["variables"]["total"])
            for record in batch.records()
        ]
        with sqlite3.connect(self.path) as connection:
            connection.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", rows)
        connection.close()

    def close(self) -> None:
        """Release nothing."""


class Plugin:
    """Announces the exporter."""

    @hookimpl
    def chest_exporters(self) -> list[type[Exporter]]:
        """Return it."""
        return [Kept]


def serve(exporter: object, **settings: object) -> tuple[Flask, FlaskChest]:
    """Make an application with one exporter, and send it a request."""
    app = Flask("shop", instance_path=str(Path.cwd() / "instance"))
    chest = FlaskChest()
    chest.register_plugin(Plugin())
    app.config.update(settings, CHEST_EXPORTERS={"main": exporter})
    chest.init_app(app)

    @app.get("/orders/<int:number>")
    @chest.track("user_id", "total")
    def order(number: int) -> dict[str, int]:
        g.user_id, g.total = "u-17", 24.5
        return {"order": number}

    answer = app.test_client().get("/orders/7")
    assert answer.json == {"order": 7}, answer.data
    assert answer.headers["X-Request-ID"]
    return app, chest


def import_all(distribution: str) -> None:
    """Import every module, and what the entry points name."""
    package = importlib.import_module(distribution.replace("-", "_"))
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("flask_chest.testing"):  # needs the extra `testing`
            importlib.import_module(module.name)
    for entry_point in importlib.metadata.distribution(distribution).entry_points:
        entry_point.load()


def without_a_backend() -> None:
    """Say how to install the missing backend, and record with an exporter of our own."""
    said = "an exporter without its plugin was accepted"
    try:
        serve("sqlite:///chest.sqlite3")
    except ConfigurationError as error:
        said = str(error)
    assert "pip install 'flask-chest[sqlite]'" in said, said
    _app, chest = serve({"type": "kept"})
    assert chest.flush(60), chest.stats()
    chest.close()
    connection = sqlite3.connect(Kept.path)
    assert connection.execute("SELECT user_id, total FROM kept").fetchall() == [("u-17", 24.5)]
    connection.close()


def with_a_store(url: str) -> None:
    """Record a request, and read it back."""
    _app, chest = serve(url)
    assert chest.flush(60), chest.stats()
    [record] = chest.store("main").query()
    assert record.variables == {"user_id": "u-17", "total": 24.5}, record
    assert (record.route, record.status_code) == ("/orders/<int:number>", 200), record
    chest.close()
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        assert connection.execute("SELECT status_code FROM chest_records").fetchall() == [(200,)]
        connection.close()


def without_its_server(url: str) -> None:
    """Answer requests while the database is away, and say which one that is."""
    program = str(Path(sys.executable).with_name("flask-chest"))
    command = [program, "--store", url, "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "127.0.0.1" in said, said
    assert "secret" not in said, said
    assert "Traceback" not in said, said
    _app, chest = serve(url, CHEST_SHUTDOWN_SECONDS=0)
    assert not chest.flush(1)
    chest.close()


def with_views(path: str, wanted: str, **settings: object) -> None:
    """Serve a view of a plugin."""
    app, chest = serve({"type": "kept"}, **settings)
    answer = app.test_client().get(path, follow_redirects=True)
    assert answer.status_code == 200, answer.status
    assert wanted in answer.text, answer.text
    chest.close()


def main(distribution: str) -> None:
    """Try a distribution."""
    import_all(distribution)
    if distribution == "flask-chest":
        without_a_backend()
    elif distribution in _HERE:
        with_a_store(_HERE[distribution].format(folder=Path.cwd()))
    elif distribution in _AWAY:
        without_its_server(_AWAY[distribution])
    elif distribution == "flask-chest-monitor":
        with_views("/chest/live", "", CHEST_MONITOR_OPEN="probes")
    elif distribution == "flask-chest-dashboard":
        settings = {"CHEST_DASHBOARD_USER": "ada", "CHEST_DASHBOARD_PASSWORD_HASH": _hash()}
        with_views("/chest/", "password", **settings)
    elif distribution != "flask-chest-sql":  # of which its backends are the use
        raise AssertionError(f"there is no smoke test of {distribution}")
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(distribution, "works", "with" if gil else "without", "a global lock")


def _hash() -> str:
    return generate_password_hash("a long password", "pbkdf2:sha256:1000")


if __name__ == "__main__":
    main(sys.argv[1])

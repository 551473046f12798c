"""An application and `flask-chest`, configured by the environment and a mounted secret alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, g
from support.backends import Mysql
from support.commands import run_alone
from support.mysql import SECRET, user

from flask_chest import FlaskChest

MAIN = "FLASK_CHEST_EXPORTERS__MAIN__"


@pytest.fixture
def deployed(mysql, tmp_path, monkeypatch):
    """Set what a deployment sets."""
    backend = Mysql(mysql)
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    with user(backend, "ALL") as name:
        monkeypatch.setenv(f"{MAIN}TYPE", "mysql")
        monkeypatch.setenv(f"{MAIN}HOST", "127.0.0.1")
        monkeypatch.setenv(f"{MAIN}PORT", str(backend.config["port"]))
        monkeypatch.setenv(f"{MAIN}DATABASE", backend.config["database"])
        monkeypatch.setenv(f"{MAIN}USER", name)
        monkeypatch.setenv(f"{MAIN}PASSWORD_FILE", str(path))
        monkeypatch.setenv("FLASK_CHEST_JOURNAL", str(tmp_path / "journal"))
        yield path


def test_an_application_and_the_commands_sign_in_with_a_password_from_a_file(
    deployed, monkeypatch, tmp_path
):
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(app)

    @app.get("/")
    @chest.track
    def index():
        g.user_id = "ada"
        return ""

    app.test_client().get("/")
    assert chest.flush(60)
    assert [record.variables for record in chest.store().query()] == [{"user_id": "ada"}]
    chest.close()
    told = run_alone(monkeypatch, ["query", "--format", "json"], code=0)
    assert '"user_id": "ada"' in told.stdout
    deployed.write_text("another")  # rotated: read again with the next start
    told = run_alone(monkeypatch, ["check"], code=1)
    assert "Access denied" in told.stderr
    assert "another" not in told.stderr


def test_what_store_names_is_not_completed_from_the_environment(deployed, monkeypatch, tmp_path):
    monkeypatch.delenv("FLASK_CHEST_JOURNAL")
    url = f"mysql://{tmp_path.name}@127.0.0.1:9/db"
    told = run_alone(monkeypatch, ["--store", url, "check"], code=1)
    assert "127.0.0.1:9/db" in told.stderr
    deployed.unlink()  # which nothing has read
    told = run_alone(monkeypatch, ["--store", url, "check"], code=1)
    assert "127.0.0.1:9/db" in told.stderr
    told = run_alone(monkeypatch, ["check"], code=1)
    assert f"{MAIN}PASSWORD_FILE='{deployed}': the file does not exist" in told.stderr


def test_the_variables_on_the_page_make_an_exporter(monkeypatch, tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "environment.md"
    [block] = re.findall(r"```ini\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (tmp_path / "db").write_text("hunter2\n")
    for line in block.replace("/run/secrets", str(tmp_path)).splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    app = Flask("shop", instance_path=str(tmp_path))
    chest = FlaskChest(app, journal="memory")
    config = app.extensions["flask_chest"].exporters["main"].config
    assert (config.host, config.password.get_secret_value()) == ("db.example", "hunter2")
    chest.close()

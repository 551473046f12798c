"""Passwords of a PostgreSQL store are shown nowhere: configurations, errors, logs, commands."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
from urllib.parse import quote

import psycopg
import pytest
from flask import Flask
from flask_chest_postgres import PostgresConfig, PostgresStore
from pydantic import SecretStr, ValidationError
from support.backends import Postgres

from flask_chest import FlaskChest
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.testing.records import make_batch, make_record
from tools.servers import free_port

SECRET = "plänted:s3cret@/?#[]%&'+ $"


def is_leaked(text):
    return any(each in text for each in (SECRET, quote(SECRET, safe=""), "s3cret"))


def test_a_configuration_masks_its_secrets():
    parameters = {"sslpassword": SECRET, "sslmode": "require"}
    if psycopg.pq.version() >= 180_000:
        parameters["oauth_client_secret"] = SECRET
    config = PostgresConfig(
        url=f"postgresql://u:{quote(SECRET, safe='')}@db/shop", parameters=parameters
    )
    arguments = config.arguments()
    assert arguments["password"] == arguments["sslpassword"] == SECRET
    assert isinstance(config.parameters["sslpassword"], SecretStr)
    store = PostgresStore(config)
    for text in (repr(config), str(config), config.model_dump_json(), store.location, repr(store)):
        assert not is_leaked(text)
    again = PostgresConfig.model_validate(config.model_dump())
    assert again == config


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("postgresql://u:s3cret@db:port/shop", {}),
        ("postgresql://u:s3cret/x@db/shop", {}),
        ("postgresql://u:s3cret@[db/shop", {}),
        ("postgresql://u:s3cret%@db/shop", {}),
        ("postgresql://u:s3cret@db/shop?colour=1", {}),
        ("postgresql://u:s3cret@db/shop", {"pool_size": 0}),
        ("postgresql://db/shop?password=s3cret&pool_size=0", {}),
        ("postgresql://db/shop?sslpassword=s3cret&client_encoding=x", {}),
        ("postgresql://db", {"password": ["s3cret"]}),
        ("postgresql://db", {"parameters": {"sslpassword": ["s3cret"]}}),
    ],
)
def test_a_refused_configuration_shows_no_secret(url, fields):
    with pytest.raises(ValidationError) as raised:
        PostgresConfig.model_validate({"url": url, **fields})
    assert not is_leaked("".join(traceback.format_exception(raised.value)))


def test_errors_and_debug_logs_show_no_secret(postgres, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "psycopg.pool", "flask_chest"):
        caplog.set_level(logging.DEBUG, name)
    for fields in ({"port": free_port()}, {"user": "nobody"}, {"database": "nowhere"}, {}):
        store = Postgres(postgres, **fields).new(password=SECRET)
        try:
            store.open()
            store.export(make_batch(make_record(variables={"n": 1})))
            store.query()
        except (ConfigurationError, ExporterUnavailable):
            assert not is_leaked(traceback.format_exc())
        store.close()
    assert "sqlalchemy" in caplog.text
    assert not is_leaked(caplog.text)
    assert not is_leaked("".join(capfd.readouterr()))


@pytest.mark.parametrize("command", [["flush", "--timeout", "1"], ["query"], ["routes"]])
@pytest.mark.slow
def test_the_command_line_shows_no_secret(tmp_path, command):
    url = f"postgresql://shop:{quote(SECRET, safe='')}@127.0.0.1:{free_port()}/shop"
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_chest import FlaskChest\n"
        "app = Flask('shop')\nchest = FlaskChest(app, track_all=True)\n"
        "app.add_url_rule('/', view_func=lambda: 'hello')\napp.test_client().get('/')\n"
    )
    environment = {
        **os.environ,
        "FLASK_CHEST_EXPORTERS": url,
        "FLASK_CHEST_JOURNAL": str(tmp_path / "journal"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--debug", "chest", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "refused" in done.stdout + done.stderr
    assert not is_leaked(done.stdout + done.stderr)


def test_an_application_starts_when_the_server_refuses_the_user(postgres, tmp_path, said):
    app = Flask("shop")
    entry = {"type": "postgres", "url": postgres, "user": "nobody", "password": SECRET}
    chest = FlaskChest(app, exporters={"main": entry}, journal=str(tmp_path / "journal"))
    assert not said()
    app.get("/")(chest.track(lambda: "ok"))
    assert app.test_client().get("/").text == "ok"
    assert not chest.flush(10)
    assert "'main' cannot deliver; the records wait in the journal" in said()[0]
    assert "Correct the user or the password" in said()[0]
    checked = app.test_cli_runner().invoke(args=["chest", "check"])
    assert checked.exit_code == 1
    assert "Correct the user or the password" in checked.output
    assert not is_leaked("".join(said()) + checked.output)
    for state in list(chest._applications.states):
        state.close()

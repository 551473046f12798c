"""Plugins: how they are found, what their hooks can do, and what their faults cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from flask import Flask, g
from pydantic import BaseModel

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Exporter


class NoConfig(BaseModel):
    pass


class ListExporter(Exporter):
    """Keeps records in a list that all its instances share."""

    type = "list"
    config_model = NoConfig
    kept: list  # set by the fixture

    def open(self):
        pass

    def export(self, batch):
        self.kept.extend(batch.records())

    def close(self):
        pass


class Complete(Exporter):
    """Has every method, and nothing else that an exporter needs."""

    open = export = close = lambda *_: None


@pytest.fixture
def list_exporter():
    return type("Kept", (ListExporter,), {"kept": [], "__module__": __name__})


def plugin(**functions):
    """Return an object that implements the hooks given as functions."""
    return type("Plugin", (), {n: staticmethod(hookimpl(f)) for n, f in functions.items()})()


apps = []  # a FlaskChest keeps none alive, and some tests go on without theirs


@pytest.fixture(autouse=True)
def forget_apps():
    yield
    apps.clear()


def app_with(chest, *variables):
    app = Flask("shop")
    apps.append(app)
    chest.init_app(app)

    @app.get("/")
    @chest.track(*(variables or ("*",)))
    def view():
        g.a, g.secret = 1, "s"
        return ""

    return app


BACKENDS = ("mongo", "mysql", "postgres", "sqlite")


def test_our_plugins_are_found_by_their_entry_points(chest, app):
    chest.init_app(app)
    found = sorted(chest.plugins(), key=lambda plugin: plugin.name)
    assert [plugin.name for plugin in found] == list(BACKENDS)
    assert [plugin.distribution for plugin in found] == [f"flask-chest-{n}" for n in BACKENDS]
    assert {plugin.hooks for plugin in found} == {("chest_exporters",)}


def test_a_registered_plugin_brings_an_exporter(make_chest, list_exporter):
    chest = make_chest(exporters={"here": {"type": "list"}, "also": "list://"})
    list_exporter.config_model = type(
        "Any", (BaseModel,), {"__annotations__": {"url": str}, "url": ""}
    )
    chest.register_plugin(plugin(chest_exporters=lambda: [list_exporter]))
    app_with(chest).test_client().get("/")
    assert chest.flush()
    assert [record["variables"] for record in list_exporter.kept] == [
        {"a": 1, "secret": "[redacted]"}
    ] * 2


def test_a_filter_removes_changes_and_adds_variables(make_chest, recorded):
    def filter_variables(variables, request):
        variables.pop("secret", None)
        variables["a"] += 1
        variables["agent"] = request.user_agent.string
        variables["odd"] = object

    chest = make_chest()
    chest.register_plugin(plugin(chest_filter_variables=filter_variables))
    app_with(chest).test_client().get("/", headers={"User-Agent": "test"})
    [row] = recorded(chest, 1)
    assert row["variables"] == {"a": 2, "agent": "test"}
    assert chest.stats().variables_skipped == 1


def test_notifications_reach_every_plugin_even_when_one_raises(make_chest, list_exporter, said):
    heard = []

    def fail(exporter):
        raise RuntimeError

    chest = make_chest(exporters={"here": {"type": "list"}})
    chest.register_plugin(plugin(chest_exporters=lambda: [list_exporter]), "exporter")
    chest.register_plugin(
        plugin(chest_exported=lambda exporter, batch: heard.append((exporter, len(batch)))), "a"
    )
    chest.register_plugin(plugin(chest_exported=fail), "b")
    chest.register_plugin(
        plugin(chest_exported=lambda batch: heard.append(batch.records()[0]["path"])), "c"
    )
    app_with(chest).test_client().get("/")
    assert chest.flush()
    assert sorted(heard, key=str) == [("here", 1), "/"]
    assert chest.stats().plugin_errors == {"b: chest_exported": 1}


def test_failures_and_refusals_are_announced(make_chest, list_exporter):
    heard = []
    faults = [ExporterUnavailable("down"), BatchRejected("bad")]

    def export(self, batch):
        if faults:
            raise faults.pop(0)
        self.kept.extend(batch.records())

    list_exporter.export = export
    chest = make_chest(exporters={"here": {"type": "list"}})
    chest.register_plugin(
        plugin(
            chest_exporters=lambda: [list_exporter],
            chest_export_failed=lambda exporter, error: heard.append((exporter, str(error))),
        )
    )
    client = app_with(chest).test_client()
    client.get("/")
    assert not chest.flush()
    assert chest.stats().exporters["here"].last_error == "ExporterUnavailable: down"
    assert chest.flush()
    assert heard == [("here", "down"), ("here", "bad")]
    assert list_exporter.kept == []
    assert chest.stats().exporters["here"].rejected == 1


def test_two_plugins_that_claim_one_type_are_both_named(make_chest, list_exporter, app):
    other = type("Impostor", (ListExporter,), {"__module__": "elsewhere"})
    chest = make_chest()
    chest.register_plugin(plugin(chest_exporters=lambda: [list_exporter]), "one")
    chest.register_plugin(plugin(chest_exporters=lambda: [other]), "two")
    with pytest.raises(ConfigurationError) as caught:
        chest.init_app(app)
    for part in ("'list'", "elsewhere.Impostor", f"{__name__}.Kept", "Uninstall"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        (lambda: [object()], "not a class derived from"),
        (lambda: [Exporter], "does not implement close, export, open"),
        (lambda: [type("NoType", (Complete,), {})], "has no `type`"),
        (lambda: [type("NoModel", (Complete,), {"type": "x"})], "has no `config_model`"),
        (lambda: 1 / 0, "'odd' (registered) fails in chest_exporters: ZeroDivisionError"),
        (lambda: None, "'odd' (registered) fails in chest_exporters: TypeError"),
    ],
)
def test_a_plugin_that_announces_nonsense_is_named(make_chest, app, announced, message):
    chest = make_chest()
    chest.register_plugin(plugin(chest_exporters=announced), "odd")
    with pytest.raises(ConfigurationError, match="'odd'") as caught:
        chest.init_app(app)
    assert message in str(caught.value)


def test_an_unknown_hook_or_parameter_is_refused_with_the_plugins_name(make_chest, app):
    chest = make_chest()
    chest.register_plugin(plugin(chest_requset_id=lambda request: "x"), "misspelt")
    with pytest.raises(ConfigurationError, match=r"'misspelt'.*chest_requset_id"):
        chest.init_app(app)
    chest = make_chest()
    chest.register_plugin(plugin(chest_request_id=lambda req: "x"), "wrong")
    with pytest.raises(ConfigurationError, match=r"'wrong'.*(?s:.)*req"):
        chest.init_app(app)


def run_flask(tmp_path, *arguments):
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_chest import FlaskChest\n"
        "app = Flask(__name__)\nFlaskChest(app)\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_flush_and_show_what_was_recorded(tmp_path):
    script = (
        "import os; from app import app, chest\n"
        "client = app.test_client()\n"
        "for name in ('ada', 'ada', 'bob'): client.get(f'/hello/{name}')\n"
        "os._exit(0)  # as a killed process, which delivers nothing\n"
    )
    (tmp_path / "wsgi.py").write_text(
        "from app import app, chest\nfrom flask import g\n"
        "@app.get('/hello/<name>')\n@chest.track\n"
        "def hello(name):\n    g.user = name\n    return name\n"
    )
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_chest import FlaskChest\n"
        "app = Flask(__name__)\nchest = FlaskChest(app)\n"
    )

    def flask(*arguments, stderr=False):
        result = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "chest", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return result.stderr if stderr else result.stdout

    subprocess.run([sys.executable, "-c", "import wsgi\n" + script], cwd=tmp_path, check=True)
    assert flask("records") == ""
    assert "bytes wait in the journal: flask chest flush" in flask("records", stderr=True)
    assert flask("check") == "main: can deliver\n"
    assert flask("flush").startswith("main: 3 delivered, 0 bytes waiting")
    assert flask("flush").startswith("main: 0 delivered, 0 bytes waiting")
    records = [json.loads(line) for line in flask("records").splitlines()]
    assert [record["variables"]["user"] for record in records] == ["bob", "ada", "ada"]
    [again] = flask("records", "--request-id", records[0]["request_id"]).splitlines()
    assert json.loads(again) == records[0]
    assert flask("top", "user").split() == ["2", "ada", "1", "bob"]
    assert flask("routes").splitlines()[1].split()[:2] == ["3", "0"]


def test_a_store_that_cannot_be_read_is_said_by_the_commands(tmp_path):
    result = run_flask(tmp_path, "chest", "records", "--exporter", "mian")
    assert result.returncode == 1
    assert "no such exporter. CHEST_EXPORTERS has ['main']" in result.stderr


def test_a_damaged_database_is_said_by_the_commands_without_a_traceback(tmp_path):
    run_flask(tmp_path, "chest", "flush")  # creates the database
    database = tmp_path / "instance" / "chest.sqlite3"
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(8192)
        file.write(b"garbage!" * ((size - 8192) // 8))
    for command in (["routes"], ["top", "user"], ["records"]):
        result = run_flask(tmp_path, "chest", *command)
        assert result.returncode == 1
        assert "Error: SQLite" in result.stderr
        assert "Traceback" not in result.stderr


def test_commands_refuse_limits_and_timeouts_that_mean_nothing(tmp_path):
    for arguments in (["records", "--limit", "0"], ["top", "x", "--limit", "-1"]):
        assert run_flask(tmp_path, "chest", *arguments).returncode == 2
    assert run_flask(tmp_path, "chest", "flush", "--timeout", "0").returncode == 2


def test_a_plugin_of_another_chest_stays_with_that_chest(make_chest, recorded, tmp_path):
    with_plugin = FlaskChest()
    with_plugin.register_plugin(plugin(chest_request_id=lambda request: "theirs"))
    chest = make_chest()
    app_with(chest).test_client().get("/")
    assert recorded(chest, 1)[0]["request_id"] != "theirs"

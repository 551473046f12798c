"""Plugins are registered, add exporter types, filter variables, and are notified."""

from __future__ import annotations

import pytest
from flask import Flask, g
from pydantic import BaseModel

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Exporter


class NoConfig(BaseModel):
    pass


class ListExporter(Exporter):
    """Keeps records in a list that its instances share."""

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
    """Has every method of an exporter, and none of its attributes."""

    open = export = close = lambda *_: None


@pytest.fixture
def list_exporter():
    return type("Kept", (ListExporter,), {"kept": [], "__module__": __name__})


def plugin(**functions):
    """Return a plugin that implements hooks with functions."""
    return type("Plugin", (), {n: staticmethod(hookimpl(f)) for n, f in functions.items()})()


apps = []  # FlaskChest does not keep them alive


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


OUR_PLUGINS = (
    "clickhouse",
    "dashboard",
    "mongo",
    "monitor",
    "mysql",
    "otlp",
    "parquet",
    "postgres",
    "sqlite",
)


def test_our_plugins_are_found_through_entry_points(chest, app):
    chest.init_app(app)
    found = sorted(chest.plugins(), key=lambda plugin: plugin.name)
    assert [plugin.name for plugin in found] == list(OUR_PLUGINS)
    assert [plugin.distribution for plugin in found] == [f"flask-chest-{n}" for n in OUR_PLUGINS]
    exporters, views = ("chest_exporters",), ("chest_init_app", "chest_settings")
    assert {plugin.hooks for plugin in found} == {exporters, views, ("chest_commands", *views)}


def test_a_registered_plugin_adds_an_exporter_type(make_chest, list_exporter):
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


def test_every_plugin_is_notified_also_when_one_raises(make_chest, list_exporter, said):
    notified = []

    def fail(exporter):
        raise RuntimeError

    chest = make_chest(exporters={"here": {"type": "list"}})
    chest.register_plugin(plugin(chest_exporters=lambda: [list_exporter]), "exporter")
    chest.register_plugin(
        plugin(chest_exported=lambda exporter, batch: notified.append((exporter, len(batch)))), "a"
    )
    chest.register_plugin(plugin(chest_exported=fail), "b")
    chest.register_plugin(
        plugin(chest_exported=lambda batch: notified.append(batch.records()[0]["path"])), "c"
    )
    app_with(chest).test_client().get("/")
    assert chest.flush()
    assert sorted(notified, key=str) == [("here", 1), "/"]
    assert chest.stats().plugin_errors == {"b: chest_exported": 1}


def test_plugins_are_notified_of_failures_and_rejected_records(make_chest, list_exporter):
    notified = []
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
            chest_export_failed=lambda exporter, error: notified.append((exporter, str(error))),
        )
    )
    client = app_with(chest).test_client()
    client.get("/")
    assert not chest.flush()
    assert chest.stats().exporters["here"].last_error == "ExporterUnavailable: down"
    assert chest.flush()
    assert notified == [("here", "down"), ("here", "bad")]
    assert list_exporter.kept == []
    assert chest.stats().exporters["here"].rejected == 1


def test_the_error_for_two_equal_types_names_both_classes(make_chest, list_exporter, app):
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
def test_the_error_for_a_wrong_exporter_class_names_the_plugin(make_chest, app, announced, message):
    chest = make_chest()
    chest.register_plugin(plugin(chest_exporters=announced), "odd")
    with pytest.raises(ConfigurationError, match="'odd'") as caught:
        chest.init_app(app)
    assert message in str(caught.value)


def test_the_error_for_an_unknown_hook_or_parameter_names_the_plugin(make_chest, app):
    chest = make_chest()
    chest.register_plugin(plugin(chest_requset_id=lambda request: "x"), "misspelt")
    with pytest.raises(ConfigurationError, match=r"'misspelt'.*chest_requset_id"):
        chest.init_app(app)
    chest = make_chest()
    chest.register_plugin(plugin(chest_request_id=lambda req: "x"), "wrong")
    with pytest.raises(ConfigurationError, match=r"'wrong'.*(?s:.)*req"):
        chest.init_app(app)


def test_a_plugin_belongs_to_one_flask_chest(make_chest, recorded, tmp_path):
    with_plugin = FlaskChest()
    with_plugin.register_plugin(plugin(chest_request_id=lambda request: "theirs"))
    chest = make_chest()
    app_with(chest).test_client().get("/")
    assert recorded(chest, 1)[0]["request_id"] != "theirs"

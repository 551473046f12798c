"""Plugins are registered, add exporter types, filter variables, and are notified."""

from __future__ import annotations

import contextlib
import functools

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


async def _async(*_):
    pass


async def _async_values(*_):
    yield


def _values(*_):
    yield


def announces(**methods):
    """Return an implementation of `chest_exporters` with a class that has these methods."""
    return lambda: [type("Odd", (ListExporter,), {"type": "odd", **methods})]


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
    for part in ("'list'", "elsewhere.Impostor", f"{__name__}.Kept", "Register one of them"):
        assert part in str(caught.value)
    assert "CHEST_BLOCK_PLUGINS" not in str(caught.value), "nothing registered is left out by it"


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        (lambda: [object()], "not a class derived from"),
        (lambda: [Exporter], "does not implement close, export, open"),
        (lambda: [type("NoType", (Complete,), {})], "has no `type`"),
        (lambda: [type("NoModel", (Complete,), {"type": "x"})], "has no `config_model`"),
        (announces(config_model=BaseModel), "has no `config_model`"),
        (announces(schemes="kept"), "`schemes = 'kept'`. Make it a tuple"),
        (announces(schemes=None), "`schemes = None`. Make it a tuple"),
        (announces(schemes=("kept", "Kept")), "'Kept' among its `schemes`. One is a lower-case"),
        (announces(schemes=("kept://",)), "'kept://' among its `schemes`"),
        (announces(schemes=(7,)), "7 among its `schemes`"),
        (announces(export=_async), "has an `async def export`, and nothing awaits it"),
        (announces(close=_async), "has an `async def close`, and nothing awaits it"),
        (announces(idle=_async_values), "has an `async def idle`, and nothing awaits it"),
        (announces(export=_values), "has a generator `export`, and nothing runs it"),
        (announces(open=_values), "has a generator `open`, and nothing runs it"),
        (
            announces(export=lambda self: None),
            "has `export(self)`, which cannot be called as (self, batch)",
        ),
        (announces(__init__=lambda self: None), "cannot be called as (self, config): too many"),
        (announces(ddl=lambda self, for_whom: []), "missing a required argument: 'for_whom'"),
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


def test_a_method_may_be_wrapped_by_a_decorator_that_adds_an_argument(make_chest, app):
    def with_cursor(method):
        @functools.wraps(method)
        def call(self, batch):
            return method(self, "cursor", batch)

        return call

    class Wrapped(Complete):
        type, config_model = "wrapped", NoConfig

        @with_cursor
        def export(self, cursor, batch):
            assert cursor == "cursor"

    chest = make_chest(exporters={"main": {"type": "wrapped"}})
    chest.register_plugin(plugin(chest_exporters=lambda: [Wrapped]), "odd")
    chest.init_app(app)


def test_a_property_of_a_plugin_that_fails_is_an_error_that_names_it_or_not_asked(make_chest, app):
    class Odd:
        @property
        def setting(self):
            raise ValueError("not yet")

        @hookimpl
        def chest_exporters(self):
            return []

    chest = make_chest()
    chest.register_plugin(Odd(), "odd")
    with contextlib.suppress(ConfigurationError):  # an older pluggy asks it
        chest.init_app(app)


def test_the_error_for_an_unknown_hook_or_parameter_names_the_plugin(make_chest, app):
    chest = make_chest()
    chest.register_plugin(plugin(chest_requset_id=lambda request: "x"), "misspelt")
    with pytest.raises(
        ConfigurationError,
        match=r"'misspelt'.*'chest_requset_id', which is no hook.* Did you mean chest_request_id\?",
    ):
        chest.init_app(app)
    chest = make_chest()
    chest.register_plugin(plugin(chest_request_id=lambda req: "x"), "wrong")
    with pytest.raises(
        ConfigurationError,
        match=r"'wrong'.*'req', which is no parameter of chest_request_id .* mean request\?",
    ):
        chest.init_app(app)
    for function, told in (
        (
            lambda records: None,
            "'records', which is no parameter of chest_settings .*There is none",
        ),
        (lambda: None, None),
    ):
        chest = make_chest()
        chest.register_plugin(plugin(chest_settings=function), "one")
        with pytest.raises(ConfigurationError, match=told):
            chest.init_app(app)


def test_a_plugin_without_a_hook_is_refused_as_a_wrong_module_is_likely(make_chest, app):
    chest = make_chest()
    chest.register_plugin(object(), "nothing")
    with pytest.raises(ConfigurationError, match=r"'nothing'.* has no function marked"):
        chest.init_app(app)


def test_a_hook_of_a_later_version_that_is_marked_optional_is_passed_over(make_chest, app):
    class Ahead:
        @hookimpl(optionalhook=True)
        def chest_of_tomorrow(self, moon):
            raise AssertionError

        @hookimpl
        def chest_drop_record(self):
            return False

    chest = make_chest()
    chest.register_plugin(Ahead())
    chest.init_app(app)


def test_a_plugin_belongs_to_one_flask_chest(make_chest, recorded, tmp_path):
    with_plugin = FlaskChest()
    with_plugin.register_plugin(plugin(chest_request_id=lambda request: "theirs"))
    chest = make_chest()
    app_with(chest).test_client().get("/")
    assert recorded(chest, 1)[0]["request_id"] != "theirs"


def test_plugins_of_one_class_are_all_called_under_names_of_their_own(make_chest, recorded):
    class Tag:
        def __init__(self, name):
            self.name = name

        @hookimpl
        def chest_filter_variables(self, variables):
            variables[self.name] = True

    chest, one = make_chest(), Tag("one")
    for each in (one, Tag("two"), one, Tag("three")):
        chest.register_plugin(each)
    app = app_with(chest)
    app.test_client().get("/")
    assert recorded(chest, 1)[0]["variables"].keys() >= {"one", "two", "three"}
    told = app.test_cli_runner().invoke(args=["chest", "plugins"]).output
    assert [line.split("\t")[0] for line in told.splitlines() if line.startswith("Tag")] == [
        "Tag 3", "Tag 2", "Tag",
    ]  # fmt: skip


def test_a_second_plugin_of_a_given_name_is_refused(make_chest):
    chest, first = make_chest(), plugin()
    chest.register_plugin(first, "mine")
    chest.register_plugin(first, "mine")
    with pytest.raises(ConfigurationError, match="Two plugins are registered as 'mine'"):
        chest.register_plugin(plugin(), "mine")


async def _later():
    raise AssertionError("nothing awaits it")


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (_later, "asynchronous, and nothing awaits it"),
        (_values, "a generator, and nothing runs it"),
        (_async_values, "a generator, and nothing runs it"),
    ],
)
def test_what_an_export_returns_to_be_run_later_is_not_taken_for_a_delivery(
    make_chest, app, later, said
):
    kind = type("Later", (ListExporter,), {"type": "later", "export": lambda *_: later()})
    chest = make_chest(exporters={"main": {"type": "later"}})
    chest.register_plugin(plugin(chest_exporters=lambda: [kind]))
    chest.init_app(app)
    with chest.record("job"):
        pass
    assert not chest.flush(5)
    stats = chest.stats().exporters["main"]
    assert (stats.delivered, stats.failures > 0) == (0, True)
    assert said in stats.last_error


def test_a_filter_that_returns_its_result_keeps_no_variable_that_it_was_to_remove(
    make_chest, recorded, caplog
):
    def without_secret(variables):
        return {name: value for name, value in variables.items() if name != "a"}

    chest = make_chest()
    chest.register_plugin(plugin(chest_filter_variables=without_secret))
    app_with(chest).test_client().get("/")
    assert recorded(chest, 1)[0]["variables"] == {}
    assert "it returned a dict, which nothing uses: change `variables`" in caplog.text


def test_every_hook_gets_the_settings_of_its_plugin_for_the_application_of_the_call(
    make_chest, tmp_path
):
    seen = []

    class Limits(BaseModel):
        limits_top: int = 1

    class Asking:
        @hookimpl
        def chest_settings(self):
            return Limits

        @hookimpl
        def chest_request_id(self, settings, request):
            seen.append(("id", settings.limits_top))

        @hookimpl
        def chest_filter_variables(self, settings):
            seen.append(("filter", settings.limits_top))

        @hookimpl
        def chest_drop_record(self, record, settings, request):
            seen.append(("drop", settings.limits_top, record["route"]))

        @hookimpl
        def chest_exported(self, settings, batch):
            seen.append(("exported", settings.limits_top, len(batch)))

    class Without:
        @hookimpl
        def chest_filter_variables(self, settings, variables):
            seen.append(("without", settings))

    chest = make_chest(exporters=f"sqlite:///{tmp_path}/a.sqlite3", journal="memory")
    for each in (Asking(), Without()):
        chest.register_plugin(each)
    for top in (5, 7):
        app = Flask("shop")
        app.config["CHEST_LIMITS_TOP"] = top
        apps.append(app)
        chest.init_app(app)
        app.get("/")(chest.track(lambda: ""))
        app.test_client().get("/")
        with app.app_context(), chest.record("job"):
            pass
        with app.app_context():
            assert chest.flush(60)
            chest.close()
        assert seen == [
            ("id", top), ("without", None), ("filter", top), ("drop", top, "/"),
            ("without", None), ("filter", top), ("drop", top, "job"),
            ("exported", top, 2),
        ]  # fmt: skip
        seen.clear()

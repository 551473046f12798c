"""Every hook is documented, and its example works in an application."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask, g
from pydantic import BaseModel

from flask_chest import hookimpl, hookspecs
from flask_chest.errors import ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Exporter

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "hooks.md").read_text("utf-8")
HOOKS = [name for name in vars(hookspecs) if name.startswith("chest_")]
SECTIONS = dict(re.findall(r"^## `(chest_\w+)(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def specification(hook):
    return inspect.signature(getattr(hookspecs, hook))


def test_the_page_has_one_section_for_each_hook_in_the_order_of_the_specifications():
    assert len(HOOKS) >= 5
    assert list(SECTIONS) == HOOKS
    assert PAGE.count("\n## `chest_") == len(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_has_the_signature_and_describes_every_parameter(hook):
    parameters = specification(hook).parameters
    heading, section = SECTIONS[hook].split("\n", 1)
    assert heading == f"({', '.join(parameters)}) -> {specification(hook).return_annotation}`"
    parts = re.findall(r"^- \*\*(.+?)\*\*(.*?)(?=^- |^$)", section, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in parts] == ["Parameters", "Called", "Returns", "When it raises"]
    assert all(len(text.split()) >= 1 for _, text in parts)
    described = re.findall(r"(?:: |; )`(\w+)`,", parts[0][1])
    assert described == list(parameters)
    assert ("none" in parts[0][1]) == (not parameters)
    assert section.count("```python") == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_the_specification_has_every_part(hook):
    text = inspect.getdoc(getattr(hookspecs, hook))
    for part in ("Called", "Returns:", "When it raises"):
        assert f"\n{part}" in text
    arguments = re.search(r"\nArgs:\n(.*?)\n\n", text, re.DOTALL)
    described = re.findall(r"^ {4}(\w+):", arguments[1], re.MULTILINE) if arguments else []
    assert described == list(specification(hook).parameters)


def test_each_hook_has_a_test_that_runs_its_example():
    functions = [
        node
        for node in ast.parse(Path(__file__).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    ]
    for hook in HOOKS:
        tests = [each for each in functions if each.name.startswith(f"test_hook_{hook}_")]
        assert tests, hook
        for test in tests:
            assert "serve_with" in [argument.arg for argument in test.args.args], test.name


# -- The examples, run -----------------------------------------------------------------------


@pytest.fixture
def example(request):
    """Return the example of the hook in the test's name, as a module."""
    [hook] = [name for name in HOOKS if request.node.name.startswith(f"test_hook_{name}_")]
    code = re.search(r"```python\n(.*?)```", SECTIONS[hook], re.DOTALL)[1]
    module = ModuleType(f"example_of_{hook}")
    exec(compile(code, f"docs/reference/hooks.md, {hook}", "exec"), vars(module))
    # The example implements this hook only.
    marked = {name for name, value in vars(module).items() if hasattr(value, "flask_chest_impl")}
    assert marked == {hook}
    return module


@pytest.fixture
def serve_with(make_chest, example):
    """Return a function that serves a request with the example as a plugin."""
    apps = []  # FlaskChest does not keep them alive

    def serve(headers=None, **arguments):
        chest = make_chest(**arguments)
        chest.register_plugin(example, "example")
        chest.register_plugin(Exporters(), "away")
        app = Flask("shop")
        apps.append(app)
        chest.init_app(app)

        @app.get("/orders")
        @chest.track
        def orders():
            g.user, g.card_number = "ada", "4111"
            return ""

        return chest, app.test_client().get("/orders", headers=headers or {})

    yield serve
    apps.clear()


class NoConfig(BaseModel):
    pass


class Away(Exporter):
    """An exporter whose destination is unavailable."""

    type = "away"
    config_model = NoConfig

    def open(self):
        raise ExporterUnavailable("it is away")

    def export(self, batch):
        raise AssertionError

    def close(self):
        pass


class Exporters:
    @hookimpl
    def chest_exporters(self):
        return [Away]


def was_called(chest, hook):
    stats = chest.stats()
    assert stats.plugin_errors == {}
    assert stats.hook_times[f"example: {hook}"].calls_timed >= 1
    return True


def test_hook_chest_request_id_gives_a_request_its_id(serve_with, recorded):
    chest, response = serve_with({"CF-Ray": "8f1c2d3e4f5a6b7c-FRA"})
    [row] = recorded(chest, 1)
    assert row["request_id"] == "8f1c2d3e4f5a6b7c-FRA"
    assert response.headers["X-Request-ID"] == row["request_id"]
    assert was_called(chest, "chest_request_id")


def test_hook_chest_filter_variables_removes_and_adds(serve_with, recorded):
    chest, _ = serve_with({"User-Agent": "curl/8.1"})
    [row] = recorded(chest, 1)
    assert row["variables"] == {"user": "ada", "browser": "curl"}
    assert was_called(chest, "chest_filter_variables")


def test_hook_chest_drop_record_drops_requests_of_a_monitor(serve_with, recorded):
    chest, response = serve_with({"User-Agent": "kube-probe/1.31"})
    assert response.headers["X-Request-ID"]
    assert recorded(chest) == []
    assert chest.stats().excluded == {"hook": 1}
    assert was_called(chest, "chest_drop_record")


def test_hook_chest_exporters_adds_a_type(serve_with, example, capsys):
    chest, _ = serve_with(exporters={"screen": {"type": "print", "prefix": ">"}})
    assert chest.flush()
    assert capsys.readouterr().out == "> /orders {'user': 'ada', 'card_number': '[redacted]'}\n"


def test_hook_chest_settings_adds_settings_of_a_plugin(serve_with, example):
    chest, _ = serve_with(alerts_minutes="2.5")
    [settings] = [state.plugin_settings["example"] for state in chest._applications.states]
    assert settings == example.AlertSettings(alerts_minutes=2.5)
    with pytest.raises(ConfigurationError, match=r"CHEST_ALERTS_MINUTES=0: .*Between two alerts"):
        serve_with(alerts_minutes=0)
    with pytest.raises(ConfigurationError, match="Did you mean CHEST_ALERTS_URL"):
        serve_with(alerts_urls="x")


def test_hook_chest_init_app_adds_views(serve_with, recorded):
    chest, _ = serve_with(track_all=True)
    recorded(chest, 1)
    [app] = [state.app() for state in chest._applications.states]
    assert app.test_client().get("/backlog").json == {"main": 0}
    assert chest.flush()
    assert chest.stats().recorded == 1  # the request to the view is not recorded


def test_hook_chest_commands_adds_a_command(serve_with):
    chest, _ = serve_with()
    [app] = [state.app() for state in chest._applications.states]
    runner = app.test_cli_runner()
    assert runner.invoke(args=("chest", "greet")).output == "This is shop.\n"
    listed = runner.invoke(args=("chest", "--help")).output
    assert "Say the name of the application." in listed


def test_hook_chest_exported_is_called_for_a_batch(serve_with, example, recorded):
    chest, _ = serve_with()
    recorded(chest, 1)
    assert example.delivered == {"main": 1}
    assert was_called(chest, "chest_exported")


def test_hook_chest_export_failed_is_called_for_a_failure(serve_with, example, caplog):
    chest, _ = serve_with(exporters={"main": {"type": "away"}})
    assert not chest.flush()
    assert ("alerts", 40, "main: it is away") in caplog.record_tuples
    assert was_called(chest, "chest_export_failed")

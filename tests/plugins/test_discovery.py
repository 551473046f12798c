"""Which installed plugins are loaded, and the errors of those that cannot be."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from flask import Flask

from flask_chest import FlaskChest, __version__
from flask_chest.errors import ConfigurationError
from flask_chest.plugins.discovery import OURS

HOOKS = {
    "clickhouse": "chest_exporters",
    "dashboard": "chest_commands, chest_init_app, chest_settings",
    "mongo": "chest_exporters",
    "monitor": "chest_init_app, chest_settings",
    "mysql": "chest_exporters",
    "otlp": "chest_exporters",
    "parquet": "chest_exporters",
    "postgres": "chest_exporters",
    "sqlite": "chest_exporters",
}
OUR_PLUGINS = tuple(HOOKS)

PROGRAMS = Path(__file__).with_name("programs")
FILTER = (PROGRAMS / "filter_plugin.py").read_text("utf-8")
EXPORTER = (PROGRAMS / "exporter_plugin.py").read_text("utf-8")


@pytest.fixture
def install(tmp_path):
    """Return a function that installs a distribution with a plugin, as pip does."""

    def install(distribution, code, version="1.0", requires=(), name=None):
        module = re.sub(r"\W", "_", distribution)
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
            + "".join(f"Requires-Dist: {text}\n" for text in requires)
        )
        entry = f"[flask_chest]\n{name or module} = {module}\n"
        (info / "entry_points.txt").write_text(entry)

    return install


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Return a function that runs `flask chest plugins` and returns its columns by line."""
    monkeypatch.syspath_prepend(tmp_path)

    def run(**environment):
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(f"FLASK_CHEST_{name}", value)
            app = Flask("shop", instance_path=str(tmp_path / "instance"))
            chest = FlaskChest(app)
            shown = app.test_cli_runner().invoke(args=("chest", "plugins")).output
            chest.close()
        return [line.split("\t") for line in shown.splitlines()]

    yield run
    imported = {path.stem for path in tmp_path.glob("*.py")} - {"flask_chest"}  # which is ours
    for name in imported:
        sys.modules.pop(name, None)


def as_dict(lines):
    return {name: (origin, hooks) for name, origin, hooks in lines}


def refused(run, *parts, **environment):
    with pytest.raises(ConfigurationError) as caught:
        run(**environment)
    for part in parts:
        assert part in str(caught.value)
    return str(caught.value)


def test_the_command_lists_distribution_version_and_hooks_of_each_plugin(plugins, install):
    install("flask-chest-nothing", FILTER, "3.2.1")
    assert as_dict(plugins()) == {
        "flask_chest_nothing": ("flask-chest-nothing 3.2.1", "chest_filter_variables"),
        **{name: (f"flask-chest-{name} {__version__}", hooks) for name, hooks in HOOKS.items()},
    }


def test_installed_plugins_are_listed_in_the_order_of_calls(plugins, install):
    install("b-dist", FILTER, name="b")
    install("a-dist", FILTER, name="z")
    install("c-dist", FILTER, name="a")
    order = [line[0] for line in plugins()]
    assert order == ["a", "b", *OUR_PLUGINS, "z"]


def test_only_allowed_plugins_are_loaded(plugins, install):
    install("Theirs.One", FILTER, name="one")
    install("theirs-two", "raise RuntimeError('imported')", name="two")
    for names in ("theirs_one,sqlite", '["one", "flask-chest-sqlite"]'):
        found = as_dict(plugins(PLUGINS=names))
        assert found.pop("one") == ("Theirs.One 1.0", "chest_filter_variables")
        assert found.pop("sqlite")[1] == "chest_exporters"
        assert {hooks for _, hooks in found.values()} == {"left out by CHEST_PLUGINS"}
        assert found.keys() == {"two", *OUR_PLUGINS} - {"sqlite"}


def test_an_allowed_plugin_that_is_not_installed_stops_init_app(plugins):
    refused(
        plugins,
        "CHEST_PLUGINS: no installed plugin is called 'flask-chest-mysqll'",
        "Did you mean 'flask-chest-mysql'?",
        PLUGINS="sqlite,flask-chest-mysqll",
    )
    refused(
        plugins,
        "'zzz'. Installed: ['clickhouse', 'dashboard', 'flask-chest-clickhouse'",
        PLUGINS="sqlite,zzz",
    )


@pytest.mark.parametrize("name", ["broken", "Flask.Chest_Broken"])
def test_a_blocked_plugin_is_not_imported(plugins, install, name):
    install("flask-chest-broken", "raise RuntimeError('imported')", name="broken")
    found = as_dict(plugins(BLOCK_PLUGINS=name))
    assert found["broken"] == ("flask-chest-broken 1.0", "left out by CHEST_BLOCK_PLUGINS")
    found = as_dict(plugins(BLOCK_PLUGINS=name, PLUGINS="broken,sqlite"))
    assert found["broken"] == ("flask-chest-broken 1.0", "left out by CHEST_BLOCK_PLUGINS")


def test_a_blocked_plugin_that_is_not_installed_is_logged(plugins, said):
    assert set(as_dict(plugins(BLOCK_PLUGINS="mysqll"))) == set(OUR_PLUGINS)
    [message] = said()
    assert "CHEST_BLOCK_PLUGINS: no installed plugin is called 'mysqll'. Did you mean" in message


def test_one_setting_leaves_out_all_plugins_of_other_projects(plugins, install):
    install("theirs", "raise RuntimeError('imported')")
    found = as_dict(plugins(EXTERNAL_PLUGINS="0"))
    assert found.pop("theirs") == ("theirs 1.0", "left out by CHEST_EXTERNAL_PLUGINS")
    assert {name: hooks for name, (_, hooks) in found.items()} == HOOKS
    found = as_dict(plugins(EXTERNAL_PLUGINS="0", PLUGINS="theirs,sqlite"))
    assert found["theirs"] == ("theirs 1.0", "left out by CHEST_EXTERNAL_PLUGINS")


def test_the_distributions_of_this_project_are_those_in_its_repository():
    folder = Path(__file__).parents[2] / "plugins"
    names = [path.read_text("utf-8") for path in folder.glob("*/pyproject.toml")]
    found = {re.search(r'^name = "([^"]+)"', text, re.MULTILINE)[1] for text in names}
    assert found == OURS


@pytest.mark.parametrize(
    "stranger",
    ["flask-chest-dashboards", "flask-chest-sqlite2", "flask_chest", "my-flask-chest-sql"],
)
def test_a_distribution_whose_name_is_like_ours_is_of_another_project(plugins, install, stranger):
    install(stranger, "raise RuntimeError('imported')", name="theirs")
    found = as_dict(plugins(EXTERNAL_PLUGINS="0"))
    assert found["theirs"] == (f"{stranger} 1.0", "left out by CHEST_EXTERNAL_PLUGINS")


def test_the_error_for_a_type_names_the_setting_that_left_out_its_plugin(plugins):
    message = refused(
        plugins,
        "no installed plugin exports to 'sqlite'",
        f"Left out: the plugin 'sqlite' (flask-chest-sqlite {__version__}) by CHEST_BLOCK_PLUGINS",
        BLOCK_PLUGINS="sqlite",
    )
    assert "pip install" not in message


@pytest.mark.parametrize("requirement", ["flask-chest<100,>=99", "Flask_Chest <0.0.11"])
def test_a_plugin_for_another_version_is_refused_without_an_import(plugins, install, requirement):
    code = "raise RuntimeError('imported')"
    install("flask-chest-old", code, "4.5", requires=["flask>=3", requirement])
    refused(
        plugins,
        "'flask_chest_old' (flask-chest-old 4.5) was made for another version of Flask-Chest",
        f"it requires flask-chest{requirement[11:].strip()}",
        f"flask-chest {__version__} is installed",
        "CHEST_BLOCK_PLUGINS=flask-chest-old",
    )
    assert "flask_chest_old" in as_dict(plugins(BLOCK_PLUGINS="flask-chest-old"))


@pytest.mark.parametrize(
    "requirement",
    [
        f"flask-chest=={__version__}",
        "flask-chest[testing]>=99; extra == 'dev'",
        "flask-chest>=99; python_version < '3'",
        "flask-chest >= not a version",
        "flask-chest-of-drawers>=99",
    ],
)
def test_a_requirement_that_is_met_or_does_not_apply_is_accepted(plugins, install, requirement):
    install("theirs", FILTER, requires=[requirement])
    assert as_dict(plugins())["theirs"] == ("theirs 1.0", "chest_filter_variables")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from flask_chest import no_such_name", "ImportError: cannot import name"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise OSError('x://me:s3cret@h is away')", "OSError: x://***@h is away."),
    ],
)
def test_the_error_of_a_failed_import_names_plugin_and_distribution(plugins, install, code, what):
    install("flask-chest-broken", code, "0.9")
    refused(
        plugins,
        "'flask_chest_broken' (flask-chest-broken 0.9) cannot be imported",
        what,
        "pip uninstall flask-chest-broken",
        "CHEST_BLOCK_PLUGINS=flask-chest-broken",
    )


def test_the_error_for_an_unknown_hook_names_plugin_and_distribution(plugins, install):
    install("theirs", FILTER.replace("chest_filter_variables", "chest_of_drawers"), "2.0")
    refused(
        plugins,
        "'theirs' (theirs 2.0) has 'chest_of_drawers', which is no hook in this version",
        "There is chest_",
        "pip uninstall theirs",
    )


def test_the_error_for_two_equal_types_names_both_distributions(plugins, install):
    install("one-dist", EXPORTER, "1.1", name="one")
    install("two-dist", EXPORTER, "2.2", name="two")
    refused(
        plugins,
        "claim the exporter type 'theirs'",
        "the plugin 'one' (one-dist 1.1) with one_dist.Theirs",
        "the plugin 'two' (two-dist 2.2) with two_dist.Theirs",
        "CHEST_BLOCK_PLUGINS=two-dist",
    )
    assert "two" in as_dict(plugins(BLOCK_PLUGINS="one-dist"))


def test_of_two_types_with_one_scheme_the_entry_must_choose(plugins, install):
    install("one-dist", EXPORTER)
    install("two-dist", EXPORTER.replace("theirs", "others"))
    refused(
        plugins,
        "URLs with 'https' belong to several types, ['others', 'theirs']. Choose one: {'type':",
        EXPORTERS="https://example.net",
    )
    assert "one_dist" in as_dict(plugins(EXPORTERS="theirs://example.net"))


def test_the_error_for_two_equal_names_names_both_distributions(plugins, install):
    install("one-dist", FILTER, "1.1", name="geo")
    install("two-dist", FILTER, "2.2", name="geo")
    refused(plugins, "the plugin 'geo' (one-dist 1.1)", "the plugin 'geo' (two-dist 2.2)")
    for blocked, left in (("one-dist", "two-dist 2.2"), ("two-dist", "one-dist 1.1")):
        assert ["geo", left, "chest_filter_variables"] in plugins(BLOCK_PLUGINS=blocked)


def test_one_module_with_two_names_is_refused(plugins, install, tmp_path):
    install("theirs", FILTER)
    entries = tmp_path / "theirs-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[flask_chest]\none = theirs\ntwo = theirs\n")
    refused(plugins, "'one' (theirs 1.0) is the same as the plugin 'two' (theirs 1.0)")
    assert set(as_dict(plugins(BLOCK_PLUGINS="two"))) == {"one", "two", *OUR_PLUGINS}


class Counting:
    """Counts how often the distributions are read."""

    def __init__(self):
        self.read = 0

    def find_spec(self, *_):
        return None

    def find_distributions(self, _context=None):
        self.read += 1
        return []


def test_the_distributions_are_read_once_for_all_applications(plugins, monkeypatch):
    counting = Counting()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, counting])
    for _ in range(10):
        assert set(as_dict(plugins())) == set(OUR_PLUGINS)
    assert counting.read == 1


def test_a_distribution_that_is_installed_or_removed_later_is_found(plugins, install, tmp_path):
    assert set(as_dict(plugins())) == set(OUR_PLUGINS)
    install("theirs", FILTER)
    assert set(as_dict(plugins())) == {"theirs", *OUR_PLUGINS}
    shutil.rmtree(tmp_path / "theirs-1.0.dist-info")
    assert set(as_dict(plugins())) == set(OUR_PLUGINS)
    install("theirs", FILTER, "2.0")
    assert as_dict(plugins())["theirs"] == ("theirs 2.0", "chest_filter_variables")


def test_a_folder_that_is_added_to_the_path_later_is_found(plugins, install, monkeypatch, tmp_path):
    install("theirs", FILTER)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    assert set(as_dict(plugins())) == set(OUR_PLUGINS)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), "/no/such/folder"])
    assert set(as_dict(plugins())) == {"theirs", *OUR_PLUGINS}

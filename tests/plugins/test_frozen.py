"""Registered plugins need no package metadata, which a frozen application does not have."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import flask_chest_sqlite.hooks
import pytest
from flask import Flask
from support.installing import DISTRIBUTIONS

from flask_chest import FlaskChest, __version__
from flask_chest.errors import ConfigurationError

APPLICATION = Path(__file__).parent / "programs" / "frozen_app.py"
SQLITE = "flask_chest_sqlite.hooks"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the application with the packages, without their metadata."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for place in Path(sysconfig.get_path("purelib")).iterdir():
        has_code = place.suffix not in {".dist-info", ".pth"} and place.name != "__pycache__"
        if has_code or place.name.startswith("werkzeug-"):  # whose test client asks for its version
            (packages / place.name).symlink_to(place)
    for name, source in DISTRIBUTIONS.items():
        package = name.replace("-", "_")
        code = source / "src" if (source / "src").exists() else source
        (packages / package).symlink_to(code / package)

    def run(exporters, *plugins):
        arguments = [str(tmp_path / "instance"), repr(exporters), *plugins]
        return subprocess.run(
            [sys.executable, "-S", APPLICATION, *arguments],
            env={**os.environ, "PYTHONPATH": str(packages)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.mark.parametrize(
    "exporters",
    [
        {"main": "sqlite:///<instance>/chest.sqlite3"},
        {"main": {"type": "sqlite", "path": "<instance>/chest.sqlite3"}},
    ],
)
@pytest.mark.slow
def test_a_registered_module_brings_its_types(run, exporters):
    result = run(exporters, SQLITE)
    assert (result.returncode, result.stderr) == (0, "")
    variables, plugins = ast.literal_eval(result.stdout)
    assert variables == {"number": 7}
    assert plugins == [(SQLITE, "registered", ("chest_exporters",))]


@pytest.mark.parametrize(
    ("exporters", "plugins", "parts"),
    [
        (
            "sqlite:///x",
            [],
            [
                "import flask_chest_sqlite.hooks; chest.register_plugin(flask_chest_sqlite.hooks)",
                "install flask-chest-sqlite where PyInstaller builds the application",
                "Installed: none",
            ],
        ),
        ("postgresql://db/x", [SQLITE], ["install flask-chest-postgres where"]),
        ("zanzibar://x", [SQLITE], ["chest.register_plugin() before init_app", "metadata"]),
    ],
)
@pytest.mark.slow
def test_the_error_for_a_missing_type_says_what_to_do_in_a_frozen_application(
    run, exporters, plugins, parts
):
    result = run({"main": exporters}, *plugins)
    assert result.returncode == 1
    for part in parts:
        assert part in result.stderr
    assert "pip install" not in result.stderr


# -- Where the same application is developed -------------------------------------------------------


def test_a_registered_module_that_is_installed_too_is_loaded_once(tmp_path):
    chest = FlaskChest()
    chest.register_plugin(flask_chest_sqlite.hooks)
    app = Flask("shop", instance_path=str(tmp_path))  # kept: else it is collected at any time
    chest.init_app(app)
    [first, *others] = chest.plugins()
    chest.close()
    assert (first.name, first.origin) == (SQLITE, f"flask-chest-sqlite {__version__}")
    names = [plugin.name for plugin in others]
    assert names == [
        "clickhouse",
        "dashboard",
        "mongo",
        "monitor",
        "mysql",
        "otlp",
        "parquet",
        "postgres",
    ]


def test_a_registered_module_is_loaded_although_the_installed_one_is_left_out(tmp_path):
    chest = FlaskChest(block_plugins=["sqlite"])
    chest.register_plugin(flask_chest_sqlite.hooks)
    app = Flask("shop", instance_path=str(tmp_path))  # kept: else it is collected at any time
    chest.init_app(app)
    chest.close()
    assert chest.plugins()[0].origin == "registered"


def test_a_module_that_is_registered_twice_is_refused(tmp_path):
    chest = FlaskChest()
    chest.register_plugin(flask_chest_sqlite.hooks, "one")
    chest.register_plugin(flask_chest_sqlite.hooks, "two")
    with pytest.raises(ConfigurationError, match=r"'two'.* is the same as the plugin 'one'"):
        chest.init_app(Flask("shop", instance_path=str(tmp_path)))

"""The program of docs/how-to/pyinstaller.md that registers its plugin, built in a folder."""

from __future__ import annotations

import sqlite3

import pytest
from support.frozen import PAGE, Frozen
from support.installing import install, make_environment, run
from support.pages import ROOT, files_of
from support.waiting import until

REGISTERS = """
import flask_chest_sqlite.hooks
chest = FlaskChest()
chest.register_plugin(flask_chest_sqlite.hooks)
chest.init_app(app)
"""
WITHOUT_METADATA = """
import importlib.metadata, os
if "WITHOUT_METADATA" in os.environ:
    importlib.metadata.entry_points = lambda **_: ()
"""
"""What a program sees that a tool without the hook has made."""
COUNTS_PLUGINS = """
print(f"plugins: {len(chest.plugins())}", flush=True)
"""


@pytest.fixture(scope="module")
def program(wheels, tmp_path_factory):
    """Return the program that registers the plugin, as the page says, in a folder of its own."""
    folder = tmp_path_factory.mktemp("pyinstaller")
    bin_folder = make_environment(folder / "venv")
    install(bin_folder, "--find-links", wheels, "flask-chest[sqlite]", "pyinstaller>=6")
    text, source = (ROOT / PAGE).read_text(), files_of(PAGE)["shop.py"]
    assert "\n    pyinstaller shop.py\n" in text
    assert REGISTERS.replace("\n", "\n    ").rstrip() in text
    registers = source.replace("\nchest = FlaskChest(app)\n", REGISTERS + COUNTS_PLUGINS)
    assert registers != source
    (folder / "shop.py").write_text(WITHOUT_METADATA + registers)
    run(bin_folder / "pyinstaller", "--log-level=ERROR", "shop.py", cwd=folder)
    return folder / "dist" / "shop" / "shop"


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("more", [{}, {"WITHOUT_METADATA": "1"}], ids=["found-too", "registered"])
def test_the_frozen_program_delivers_while_it_runs_with_its_plugin_once(program, tmp_path, more):
    """Without `register_plugin`, test_pyinstaller_one_file.py builds and runs it."""
    with Frozen(program, tmp_path, FLASK_CHEST_EXPORT_INTERVAL_SECONDS="0.1", **more) as shop:
        shop.order(7)
        until(lambda: delivered(shop.data / "chest.sqlite3"))
        assert shop.process.poll() is None
        assert "Traceback" not in shop.log()
        assert "flask_chest" not in shop.log()
        assert "plugins: 1\n" in shop.log()


def delivered(file):
    if not file.exists():
        return []
    connection = sqlite3.connect(file)
    try:
        return connection.execute("SELECT variables FROM chest_records").fetchall()
    except sqlite3.OperationalError:  # no table yet
        return []
    finally:
        connection.close()

"""The program of docs/how-to/pyinstaller.md, built in a folder in both ways, delivers."""

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
import importlib.metadata
importlib.metadata.entry_points = lambda **_: ()
"""
"""What a program sees that a tool without the hook has made."""


@pytest.fixture(scope="module")
def programs(wheels, tmp_path_factory):
    folder = make_environment(tmp_path_factory.mktemp("pyinstaller") / "venv")
    install(folder, "--find-links", wheels, "flask-chest[sqlite]", "pyinstaller>=6")
    return folder


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("registers", [False, True])
def test_the_frozen_program_delivers_while_it_runs_and_logs_no_fault(programs, tmp_path, registers):
    text, source = (ROOT / PAGE).read_text(), files_of(PAGE)["shop.py"]
    assert "\n    pyinstaller shop.py\n" in text
    assert REGISTERS.replace("\n", "\n    ").rstrip() in text
    if registers:
        source = WITHOUT_METADATA + source.replace("\nchest = FlaskChest(app)\n", REGISTERS)
    (tmp_path / "shop.py").write_text(source)
    run(programs / "pyinstaller", "--log-level=ERROR", "shop.py", cwd=tmp_path)
    program = tmp_path / "dist" / "shop" / "shop"
    with Frozen(program, tmp_path, FLASK_CHEST_EXPORT_INTERVAL_SECONDS="0.1") as shop:
        shop.order(7)
        until(lambda: delivered(shop.data / "chest.sqlite3"))
        assert shop.process.poll() is None
        assert "Traceback" not in shop.log()
        assert "flask_chest" not in shop.log()


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

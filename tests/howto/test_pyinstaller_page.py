"""The program of docs/how-to/pyinstaller.md, built in both ways, records and delivers."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess

import httpx
import pytest
from support.installing import install, make_environment, run
from support.pages import ROOT, files_of
from support.waiting import until

PAGE = "docs/how-to/pyinstaller.md"
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = tmp_path / "data"
    data.mkdir()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [tmp_path / "dist" / "shop" / "shop", str(port)],
            cwd=tmp_path,
            env={
                **os.environ,
                "SHOP_DATA": str(data),
                "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.1",
            },
            stderr=log,
            stdout=log,
        )
    try:
        until(lambda: server.poll() is not None or answers(port))
        assert httpx.get(f"http://127.0.0.1:{port}/orders/7").json() == {"order": 7}
        until(lambda: delivered(data / "chest.sqlite3"))
        assert server.poll() is None
        log = (tmp_path / "log").read_text()
        assert "Traceback" not in log
        assert "flask_chest" not in log
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


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

"""The program of docs/how-to/pyinstaller.md, built in both ways, records and delivers."""

from __future__ import annotations

import os
import re
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
REGISTERS = re.compile(r"^import flask_chest_sqlite.*\n|^chest\.register_plugin.*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def programs(wheels, tmp_path_factory):
    folder = make_environment(tmp_path_factory.mktemp("pyinstaller") / "venv")
    install(folder, "--find-links", wheels, "flask-chest[sqlite]", "pyinstaller>=6")
    return folder


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("registers", [True, False])
def test_the_frozen_program_delivers(programs, tmp_path, registers):
    [plain, collected] = re.findall(
        r"^    pyinstaller (.*)$", (ROOT / PAGE).read_text(), re.MULTILINE
    )
    source = files_of(PAGE)["shop.py"]
    (tmp_path / "shop.py").write_text(source if registers else REGISTERS.sub("", source))
    options = (plain if registers else collected).split()
    run(programs / "pyinstaller", "--log-level=ERROR", *options, cwd=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = tmp_path / "data"
    data.mkdir()
    server = subprocess.Popen(
        [tmp_path / "dist" / "shop" / "shop", str(port)],
        cwd=tmp_path,
        env={**os.environ, "SHOP_DATA": str(data), "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.1"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: server.poll() is not None or answers(port))
        assert httpx.get(f"http://127.0.0.1:{port}/orders/7").json() == {"order": 7}
        until(lambda: delivered(data / "chest.sqlite3"))
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

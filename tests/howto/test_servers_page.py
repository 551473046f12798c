"""The lines of docs/how-to/servers.md that start a server, each run as it stands."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing

import httpx
import pytest
from support.installing import install, make_environment, run
from support.pages import ROOT
from support.waiting import until

PAGE = (ROOT / "docs" / "how-to" / "servers.md").read_text("utf-8")
INSTALLED = re.findall(r"^\$ pip install 'flask-chest\[sqlite\]' (.*)$", PAGE, re.MULTILINE)
COMMANDS = re.findall(r"^\$ (.*127\.0\.0\.1:8000.*)$", PAGE, re.MULTILINE)
SHOP = """
from flask import Flask, g
from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app)

@app.get("/<int:number>")
@chest.track("number")
def order(number):
    g.number = number
    return ""
"""


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def programs(wheels, tmp_path_factory):
    folder = make_environment(tmp_path_factory.mktemp("servers") / "venv")
    servers = {name for line in INSTALLED for name in line.split()}
    install(folder, "--find-links", wheels, "flask-chest[sqlite]", *sorted(servers))
    return folder


def test_the_page_names_every_server_and_what_to_install_for_it():
    assert len(COMMANDS) == len(INSTALLED) == 5
    for command, installed in zip(COMMANDS, INSTALLED, strict=True):
        [distribution, *more] = installed.split()
        assert distribution.removeprefix("py") == command.split()[0].removesuffix("-serve")
        assert all(name in command for name in more)


@pytest.mark.slow
@pytest.mark.packaging
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_each_request_is_stored_once(programs, tmp_path, command):
    (tmp_path / "shop.py").write_text(SHOP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program, *arguments = shlex.split(command.replace("8000", str(port)))
    server = subprocess.Popen(
        [programs / program, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "VIRTUAL_ENV": str(programs.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port))
        # uWSGI closes each connection after its answer, and does not say so.
        alone = {"Connection": "close"}
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, headers=alone, timeout=60) as client:
            assert [client.get(f"/{number}").status_code for number in range(20)] == [200] * 20
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    run(programs / "flask", "--app", "shop", "chest", "flush", cwd=tmp_path)
    with closing(sqlite3.connect(tmp_path / "instance" / "chest.sqlite3")) as connection:
        rows = connection.execute("SELECT variables->>'number' FROM chest_records").fetchall()
    assert sorted(number for (number,) in rows) == list(range(20))

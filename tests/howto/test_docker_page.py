"""The command and the environment of docs/how-to/docker.md, without Docker, on one volume."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from support.pages import ROOT, files_of
from support.waiting import until

PAGE = "docs/how-to/docker.md"
NO_HOME = {"HOME": "~", "XDG_RUNTIME_DIR": ""}
"""What a user without an entry in the password file has: programs that ask for a home get `~`."""

SHOP = """
from flask import Flask
from flask_chest import FlaskChest
app = Flask(__name__)
chest = FlaskChest(app, track_all=True)

@app.get("/<path>")
def home(path):
    return path
"""


@pytest.fixture
def container(tmp_path, postgres):
    """Return a function that starts what the image starts; each time with the same volume."""
    dockerfile = files_of(PAGE)["Dockerfile"]
    [command] = re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)
    given = dict(re.findall(r"^ENV (\w+)=(.*)$", dockerfile, re.MULTILINE))
    given |= dict(re.findall(r"--env (\w+)=(\S+)", (ROOT / PAGE).read_text("utf-8")))
    url = urlsplit(postgres)
    make_secret = re.findall(
        r"^\$ ((?:mkdir|printf|chmod) .*)$", (ROOT / PAGE).read_text("utf-8"), re.MULTILINE
    )
    assert len(make_secret) == 3
    for each in make_secret:
        subprocess.run(each, shell=True, cwd=tmp_path, check=True)
    [file] = (tmp_path / "secrets").iterdir()
    assert file.stat().st_mode & 0o777 == 0o400
    real = {
        "/var/lib/chest": str(tmp_path),
        "db.example": f"{url.hostname}",
        "analytics": url.path[1:],
        "/run/secrets": str(tmp_path / "secrets"),
        "shop": url.username,
    }
    for shown, instead in real.items():
        given = {name: value.replace(shown, instead) for name, value in given.items()}
    given["FLASK_CHEST_EXPORTERS__MAIN__PORT"] = str(url.port)
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE SCHEMA chest")
    (tmp_path / "shop.py").write_text(SHOP)
    program, *arguments = json.loads(command)
    started = []
    log = (tmp_path / "log").open("wb")

    def start():
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        bound = [each.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for each in arguments]
        server = subprocess.Popen(
            [sys.executable, "-m", program, *bound],
            cwd=tmp_path,
            env={**os.environ, **NO_HOME, **given},
            stderr=log,
            start_new_session=True,
        )
        started.append(server)
        until(lambda: answers(port))
        return server, f"http://127.0.0.1:{port}"

    yield start
    for server in started:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    log.close()


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_what_a_killed_container_has_left_is_delivered_by_the_next(container, postgres, tmp_path):
    server, url = container()
    assert httpx.get(f"{url}/first", timeout=60).text == "first"
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    assert list(Path(tmp_path / "journal" / "segments").iterdir())
    server, url = container()
    assert httpx.get(f"{url}/second", timeout=60).text == "second"
    assert httpx.get(f"{url}/chest/ready").status_code == 200
    assert httpx.get(f"{url}/chest/metrics").status_code >= 400
    server.send_signal(signal.SIGTERM)
    server.wait(60)
    with psycopg.connect(postgres) as connection:
        rows = connection.execute("SELECT path FROM chest.chest_records ORDER BY path").fetchall()
    assert rows == [("/first",), ("/second",)]
    assert "ERROR" not in (tmp_path / "log").read_text()
    assert not (tmp_path / "~").exists()

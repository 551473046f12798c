"""The files of docs/how-to/mod-wsgi.md, under a real Apache.

Apache's processes are those of another user, who must be able to read this Python's packages.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.pages import files_of
from support.waiting import until

APACHE = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
MOD_WSGI = MODULES / f"mod_wsgi.so-{sys.version_info.major}.{sys.version_info.minor}"

SHOP = """
import os
from flask import Flask, g
from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app, export_interval_seconds=3600, service=os.environ.get("SHOP", "none"))

@app.get("/orders/<int:number>")
@chest.track("number", "process")
def order(number):
    g.number, g.process = number, os.getpid()
    return {"order": number}
"""

AROUND = """
ServerName shop.example
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
User nobody
Group nogroup
WSGISocketPrefix {folder}/wsgi
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {wsgi}
"""


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are closed to others
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.skipif(not MOD_WSGI.exists(), reason="libapache2-mod-wsgi-py3 is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="Apache changes to another user")
def test_apache_records_each_request_once_and_loses_none_at_its_end(folder, monkeypatch):
    monkeypatch.setenv("SHOP", "from-the-environment-of-apache")
    (folder / "shop.py").write_text(SHOP)
    files = files_of("docs/how-to/mod-wsgi.md")
    (folder / "shop.wsgi").write_text(files["shop.wsgi"])
    packages = ":".join([str(folder), *filter(None, sys.path)])
    conf = files["shop.conf"].replace("python-path=/srv/shop", f"python-path={packages}")
    conf = conf.replace("python-home=/srv/shop/.venv ", "").replace("/srv/shop", str(folder))
    conf = conf.replace("user=shop group=shop", "user=nobody group=nogroup")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    around = AROUND.format(folder=folder, port=port, modules=MODULES, wsgi=MOD_WSGI)
    (folder / "apache.conf").write_text(around + conf)
    instance = folder / "instance"
    instance.mkdir()
    shutil.chown(instance, "nobody")
    server = subprocess.Popen([APACHE, "-f", folder / "apache.conf", "-DFOREGROUND"])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until(lambda: answers(port))
            for number in range(40):
                answer = client.get(f"/orders/{number}", headers={"Connection": "close"})
                assert answer.status_code == 200, (folder / "error.log").read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    # On a slow machine Apache may kill a process before all is delivered; the rest waits.
    database = instance / "chest.sqlite3"
    left = ["--journal", instance / "chest", "--store", f"main=sqlite:///{database}", "flush"]
    subprocess.run([sys.executable, "-m", "flask_chest", *left], check=True)
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT service, variables->>'number', variables->>'process' FROM chest_records"
        ).fetchall()
    assert sorted(number for _, number, _ in rows) == list(range(40))
    assert len({process for _, _, process in rows}) == 2
    assert {service for service, _, _ in rows} == {"from-the-environment-of-apache"}


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0

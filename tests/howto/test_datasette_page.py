"""Datasette shows the tables, as docs/how-to/tables.md says, beside an application that writes."""

from __future__ import annotations

import re
import socket
import subprocess

import httpx
import pytest
from flask import Flask, g
from support.installing import install, make_environment
from support.pages import ROOT
from support.waiting import until

PAGE = (ROOT / "docs" / "how-to" / "tables.md").read_text("utf-8")
[QUERY] = re.findall(r"^```sql\n(SELECT value AS tenant.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.packaging
def test_datasette_shows_records_and_variables_while_they_arrive(make_chest, database, tmp_path):
    folder = make_environment(tmp_path / "venv")
    install(folder, "datasette")
    app, chest = Flask("shop"), make_chest()
    chest.init_app(app)

    @app.get("/")
    @chest.track("tenant")
    def home():
        g.tenant = "acme"
        return ""

    def deliver():
        app.test_client().get("/")
        assert chest.flush()

    deliver()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [folder / "datasette", "--port", str(port), database],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port))

        def rows(name, **parameters):
            address = f"http://127.0.0.1:{port}/{name}.json"
            return httpx.get(address, params={"_shape": "array", **parameters}).json()

        assert [row["path"] for row in rows("chest/chest_records")] == ["/"]
        [variable] = rows("chest/chest_variables")
        assert (variable["name"], variable["value"]) == ("tenant", "acme")
        deliver()
        assert rows("chest", sql=QUERY) == [{"tenant": "acme", "count(*)": 2}]
    finally:
        server.terminate()
        server.wait(30)

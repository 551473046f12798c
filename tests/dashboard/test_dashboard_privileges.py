"""The dashboard of a user who may not read all tables, on a real PostgreSQL."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from flask import Flask, g
from support.backends import Postgres
from support.postgres import PASSWORD

PAGES = ("", "requests", "route?route=%2Fitems%2F%3Cint%3Anumber%3E")
LIST = "/chest/requests/list"


@pytest.fixture
def backend(postgres, make_chest, tmp_path):
    """Return a database with five records and their rollups."""
    app = Flask("shop")
    chest = make_chest(
        exporters=postgres,
        journal=str(tmp_path / "writer"),
        track_all=True,
        rollups={"dimensions": ["tenant"]},
    )
    chest.init_app(app)

    @app.get("/items/<int:number>")
    def item(number):
        g.tenant = f"acme-{number}"
        return ""

    for number in range(5):
        app.test_client().get(f"/items/{number}")
    with app.app_context():
        assert chest.flush(60)
    return Postgres(postgres)


@pytest.fixture
def reader(backend):
    """Return the name of a role that may only connect."""
    role = f"chest_{uuid4().hex[:12]}"
    backend.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    yield role
    backend.execute(f"DROP OWNED BY {role} CASCADE")
    backend.execute(f"DROP ROLE {role}")


@pytest.fixture
def client(backend, reader, make_chest, tmp_path):
    """Return a client of a dashboard that reads as this role."""
    config = {**backend.config, "user": reader, "password": PASSWORD}
    app = Flask("reader")
    make_chest(
        exporters={"main": {"type": "postgres", **config}},
        dashboard_allow=lambda _request: True,
        dashboard_file=str(tmp_path / "dashboard.sqlite3"),
    ).init_app(app)
    return app.test_client()


@pytest.mark.parametrize(
    "more",
    ["", ", chest_rollup_state", ", chest_rollup_state, chest_rollups", ", chest_rollup_marks"],
)
def test_who_may_read_records_and_not_all_rollups_sees_every_page(backend, reader, client, more):
    backend.execute(f"GRANT SELECT ON chest_records, chest_schema{more} TO {reader}")
    for page in PAGES:
        for address in re.findall(r'data-panel="([^"]*)"', client.get(f"/chest/{page}").text):
            answer = client.get(address.replace("&amp;", "&"))
            assert answer.status_code == 200, answer.text
    assert "acme-4" in client.get(LIST).text


def test_the_list_is_shown_to_who_may_no_longer_read_the_rollups(backend, reader, client):
    backend.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    assert client.get("/chest/explore/names").status_code == 200  # it has connected
    backend.execute(f"REVOKE SELECT ON chest_rollup_state FROM {reader}")
    answer = client.get(LIST)
    assert answer.status_code == 200, answer.text
    assert "acme-4" in answer.text
    assert client.get(f"{LIST}?where=tenant+%3D%3D+'nobody'").status_code == 200

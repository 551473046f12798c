"""The program of docs/how-to/pyinstaller.md in one file, with all stores and the dashboard."""

from __future__ import annotations

import os
import re
import signal
from contextlib import closing

import httpx
import pytest
from support.frozen import PAGE, Frozen
from support.installing import install, make_environment, run
from support.pages import ROOT, files_of
from support.processes import children
from support.waiting import until
from werkzeug.security import generate_password_hash

from flask_chest.opening import open_store

pytestmark = [pytest.mark.long, pytest.mark.packaging]

EXTRAS = "sqlite,postgres,mysql,mongo,clickhouse,parquet,dashboard,monitor,otlp"
SOON = {"FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "0.1"}
NOT_SOON = {"FLASK_CHEST_EXPORT_INTERVAL_SECONDS": "600"}
ASKS = {
    "FLASK_CHEST_DASHBOARD_USER": "ada",
    "FLASK_CHEST_DASHBOARD_PASSWORD_HASH": generate_password_hash("secret", "scrypt:1024:8:1"),
}
PARTS = (
    "requests/list",
    "overview/numbers",
    "overview/charts",
    "explore/chart",
    "explore/table",
    "delivery/now",
)
PLACE = 'os.environ["SHOP_DATA"]'
IN_ITS_OWN_FOLDER = 'os.environ["SHOP_DATA"].replace("<unpacked>", getattr(sys, "_MEIPASS", ""))'
"""What Flask chooses in a package, whose files are in that folder."""


@pytest.fixture(scope="module")
def program(wheels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one-file")
    programs = make_environment(folder / "venv")
    install(programs, "--find-links", wheels, f"flask-chest[{EXTRAS}]", "pyinstaller>=6")
    assert "\n    pyinstaller --onefile shop.py\n" in (ROOT / PAGE).read_text()
    source = files_of(PAGE)["shop.py"]
    assert PLACE in source
    (folder / "shop.py").write_text(source.replace(PLACE, IN_ITS_OWN_FOLDER))
    run(programs / "pyinstaller", "--onefile", "--log-level=ERROR", "shop.py", cwd=folder)
    return folder / "dist" / "shop"


@pytest.fixture
def start(program, tmp_path):
    return lambda **settings: Frozen(program, tmp_path, **settings)


@pytest.fixture(params=["sqlite", "parquet", "postgres", "mysql", "mongo", "clickhouse", "bucket"])
def url(request, tmp_path):
    """Return the URL of each store, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chest.sqlite3"
    if request.param == "parquet":
        return f"parquet:///{tmp_path}/lake"
    return request.getfixturevalue(request.param)


def test_it_delivers_to_each_store_and_its_dashboard_shows_the_records(start, url):
    with start(FLASK_CHEST_EXPORTERS=url, **SOON, **ASKS) as shop:
        shop.order(41, 42)
        with httpx.Client(base_url=f"{shop.url}/chest/", timeout=60) as client:
            log_in(client)
            until(lambda: orders_in(client) == ["/orders/41", "/orders/42"])
            for part in PARTS:
                assert client.get(part).status_code == 200
            page = client.get("requests").text
            assets = re.findall(r'(?:src|href)="(/chest/assets/[^"]+)"', page)
            assert {name.rpartition(".")[2] for name in assets} == {"css", "js", "svg"}
            for name in assets:
                assert client.get(f"{shop.url}{name}").status_code == 200
        assert shop.terminate() == 0
        assert "Traceback" not in shop.log()
        assert "flask_chest" not in shop.log()
        assert numbers_in(url) == [41, 42]


def log_in(client):
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("login").text)[1]
    fields = {"user": "ada", "password": "secret", "csrf_token": token, "next": "/chest/"}
    assert client.post("login", data=fields).status_code == 303


def orders_in(client):
    return sorted(re.findall(r"/orders/\d+", client.get("requests.jsonl").text))


def numbers_in(url):
    with closing(open_store(url)) as store:
        return sorted(record.variables["number"] for record in store.query())


# -- How it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("all_of_it", [False, True])
def test_a_sigterm_to_one_or_both_processes_delivers_what_waits(start, all_of_it):
    with start(**NOT_SOON) as shop:
        shop.order(1, 2, 3)
        assert numbers_of(shop) == []
        assert shop.terminate(all_of_it=all_of_it) == 0
        assert numbers_of(shop) == [1, 2, 3]
        assert list(shop.unpacked.iterdir()) == []


def test_what_waits_when_it_is_killed_is_delivered_by_the_next_start(start):
    with start(**NOT_SOON) as shop:
        shop.order(1, 2)
        shop.kill()
        assert numbers_of(shop) == []
    with start(**SOON) as shop:
        shop.order(3)
        until(lambda: numbers_of(shop) == [1, 2, 3])


def test_its_second_process_serves_and_delivers_when_only_the_first_is_killed(start):
    with start(**SOON) as shop:
        [second] = children(shop.process.pid)
        shop.process.kill()
        shop.process.wait()
        try:
            shop.order(1)
            until(lambda: numbers_of(shop) == [1])
        finally:
            os.kill(second, signal.SIGTERM)
        until(lambda: not shop.is_served())


def test_it_refuses_to_write_where_it_deletes_all_when_it_ends(start):
    with pytest.raises(AssertionError) as ended, start(SHOP_DATA="<unpacked>/instance"):
        pass
    message = str(ended.value)
    assert "which it deletes when it ends, with all records there. Give Flask an" in message
    assert re.search(r"_MEI\w+/instance' is in the folder", message)


def numbers_of(shop):
    return numbers_in(f"sqlite:///{shop.data}/chest.sqlite3")

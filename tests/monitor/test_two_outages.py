"""The database is away, and then the journal, too: no metric says that all is well again."""

from __future__ import annotations

import shutil

import pytest
from flask import Flask
from support.metrics import exported
from support.unusable import unusable
from support.waiting import until

MAIN = (("exporter", "main"),)
FAILING = ("chest_export_failing", MAIN)
BACKLOG = ("chest_export_backlog_records", MAIN)
LAG = ("chest_export_lag_seconds", MAIN)
WRITABLE = ("chest_journal_writable", ())


@pytest.fixture
def shop(make_chest, tmp_path):
    """Return an application whose database is away, and after which another process has ended."""
    home = tmp_path / "home"

    def make():
        app = Flask("shop")
        home.unlink(missing_ok=True)
        home.mkdir()
        chest = make_chest(
            exporters={"main": f"sqlite:///{home}/db.sqlite3"},
            export_interval_seconds=0.05,
            retry_seconds=0.05,
            retry_max_seconds=0.1,
            track_all=True,
            monitor_open="all",
            raise_errors=False,
        )
        chest.init_app(app)
        app.get("/orders")(lambda: "")
        shutil.rmtree(home)
        home.write_text("")  # so that no database can be made there
        app.test_client().get("/orders")
        return app

    make().extensions["flask_chest"].close()
    return make()


def test_no_metric_says_that_all_is_well_again(shop, tmp_path, said):
    until(lambda: exported(shop)[FAILING])
    until(lambda: exported(shop)[("chest_records_total", ())] == 2)
    before = exported(shop)
    assert (before[BACKLOG], before[WRITABLE]) == (2, 1)
    with unusable(tmp_path / "journal"):
        until(lambda: any("Nothing is delivered" in text for text in said()))
        until(lambda: exported(shop)[("chest_leaders", ())] == 0)
        now = exported(shop)
        shop.test_client().get("/orders")
        later = exported(shop)
    assert (now[FAILING], now[BACKLOG], now[WRITABLE]) == (1, 2, 0)
    assert now[LAG] >= before[LAG] > 0
    counters = {name for name in before if name[0].endswith("_total")}
    assert not [name for name in counters if not before[name] <= now[name] <= later[name]]
    assert "delivers again" not in " ".join(said())

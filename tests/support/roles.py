"""What the pages on databases promise of a user who delivers and of one who only reads."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone

import pytest
from flask import Flask, g

from flask_chest import FlaskChest, open_store
from flask_chest.errors import ChestError
from flask_chest.testing import make_batch, make_record


def deliver(folder, name, url):
    """Deliver with an application of its own; return what `flask chest check` prints of it."""
    app = Flask("shop", instance_path=str(folder / name))
    chest = FlaskChest(app, exporters=url, indexed_variables=(), retention="90d")

    @app.get("/")
    @chest.track("tenant")
    def home():
        g.tenant = "acme"
        return ""

    for _ in range(3):
        app.test_client().get("/")
    assert chest.flush()
    with app.app_context():
        store = chest.store()
        assert store.measure("count", by=["tenant"])[0]["count"] >= 3
        assert store.purge(before=datetime(2020, 1, 1, tzinfo=timezone.utc)) == 0
        assert chest.erase("tenant == 'nobody'").is_complete
    rolled_up = app.test_cli_runner().invoke(args=("chest", "rollup", "--rebuild"))
    assert rolled_up.exit_code == 0, rolled_up.output
    checked = app.test_cli_runner().invoke(args=("chest", "check"))
    chest.close()
    assert checked.exit_code == 0, checked.output
    return checked.output


def only_read(url):
    """Read as a user who may do nothing else."""
    with closing(open_store(url)) as store:
        assert store.measure("count")[0]["count"] >= 3
        assert next(iter(store.records("tenant == 'acme'"))).variables == {"tenant": "acme"}
        record = next(iter(store.records()))
        with pytest.raises(ChestError):
            store.delete([record])
        with pytest.raises(ChestError):
            store.export(make_batch(make_record()))

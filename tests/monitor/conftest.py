"""An application with metrics."""

from __future__ import annotations

import pytest
from flask import Flask


@pytest.fixture
def served(make_chest):
    """Return an application that has counted some of all, and its chest."""
    app = Flask("shop")
    chest = make_chest(track_all=True, monitor_open="all")
    chest.init_app(app)
    app.get("/orders")(lambda: "")
    app.test_client().get("/orders")
    counters = app.extensions["flask_chest"].counters
    counters.add("dropped", "disk_full", 2)
    counters.add("dropped main", "journal_full", 3)
    counters.add("plugin_errors", 'odd: "name"\n\\: chest_exported', 4)
    counters.add("redacted", "password", 5)
    return app, chest

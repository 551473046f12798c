"""An application with a journal on disk."""

from __future__ import annotations

import pytest
from flask import Flask, g


@pytest.fixture
def shop(make_chest, tmp_path):
    """Return an application with a tracked view, its chest, and its journal's folder."""
    chest = make_chest(export_interval_seconds=0.05, raise_errors=False)
    app = Flask("shop")

    @app.get("/<int:number>")
    @chest.track("number")
    def view(number):
        g.number = number
        return str(number)

    chest.init_app(app)
    return app, chest, tmp_path / "journal"

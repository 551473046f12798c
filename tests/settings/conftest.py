"""What the tests of settings share."""

from __future__ import annotations

import os

import pytest
from flask import Flask

from flask_chest import FlaskChest


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("FLASK_CHEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def init():
    """Return a function that initialises an application with settings in `app.config`."""

    def init(**config):
        app = Flask("shop")
        app.config.update({f"CHEST_{name}": value for name, value in config.items()})
        FlaskChest(app)

    return init

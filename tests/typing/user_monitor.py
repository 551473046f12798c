"""Metrics beside those of an application, as its author registers them."""

from __future__ import annotations

from flask import Flask
from flask_chest_monitor import ChestCollector
from prometheus_client import CollectorRegistry

from flask_chest import FlaskChest

app = Flask(__name__)
registry = CollectorRegistry()
registry.register(ChestCollector(app, FlaskChest(app)))

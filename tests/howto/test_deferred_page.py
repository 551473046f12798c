"""The stand-in of docs/reference/exporters.md announces a store and imports no driver."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest
from pydantic import BaseModel
from support.pages import ROOT

from flask_chest import FlaskChest, hookimpl
from flask_chest.errors import ConfigurationError

PAGE = (ROOT / "docs" / "reference" / "exporters.md").read_text("utf-8")
EXAMPLE = re.search(r"```python\n([^`]*class Ledger.*?)```", PAGE, re.DOTALL)[1]


class LedgerConfig(BaseModel):
    path: str


@pytest.fixture
def ledger(monkeypatch):
    """Return the class of the page, beside a module with its configuration."""
    config = ModuleType("flask_chest_ledger.config")
    config.LedgerConfig = LedgerConfig
    monkeypatch.setitem(sys.modules, "flask_chest_ledger", ModuleType("flask_chest_ledger"))
    monkeypatch.setitem(sys.modules, config.__name__, config)
    names = {"__name__": "page"}
    exec(EXAMPLE, names)
    return names["Ledger"]


def test_a_missing_driver_is_named_in_init_app(ledger, app):
    class Plugin:
        @hookimpl
        def chest_exporters(self):
            return [ledger]

    chest = FlaskChest(exporters={"main": {"type": "ledger", "path": "x"}}, journal="memory")
    chest.register_plugin(Plugin())
    with pytest.raises(ConfigurationError, match="ledger_driver"):
        chest.init_app(app)

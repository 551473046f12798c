"""A plugin of pytest that runs chosen tests only, in their order.

Of the environment: MUTANTS_CHOSEN is a JSON file with their node IDs. An ID on the command line
would not do: in those of parameters, anything may stand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_places = {
    name: place
    for place, name in enumerate(json.loads(Path(os.environ["MUTANTS_CHOSEN"]).read_text("utf-8")))
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave all others out."""
    left_out = [item for item in items if item.nodeid not in _places]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.nodeid in _places]
    items.sort(key=lambda item: _places[item.nodeid])

"""What the tests of the SQLite store share."""

from __future__ import annotations

import pytest
from support.backends import Sqlite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chest.sqlite3"


@pytest.fixture
def backend(path):
    return Sqlite(path)

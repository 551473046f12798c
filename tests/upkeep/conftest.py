"""Real stores for copies and erasures."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest
from support.backends import Mongo, Mysql, Postgres, Sqlite


@pytest.fixture
def open_backend(request, tmp_path):
    """Return a function that returns an empty open store: `sqlite`, `postgres`, ..."""
    with ExitStack() as stack:

        def find(name, label=""):
            if name == "sqlite":
                backend = Sqlite(tmp_path / f"{name}{label}.sqlite3")
            else:
                kind = {"postgres": Postgres, "mysql": Mysql, "mongo": Mongo}[name]
                backend = kind(request.getfixturevalue(name))
            store = backend.new()
            store.open()
            stack.enter_context(closing(store))
            return store

        yield find

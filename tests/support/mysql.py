"""Helpers for the tests of the MySQL store."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from flask_chest.errors import ConfigurationError

SECRET = "pl@nted:s/cr€t%25"


@contextmanager
def user(backend, rights, password=SECRET):
    """Give the name of a user who has these rights on the database."""
    name = f"u_{backend.config['database'][-12:]}"
    backend.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", password)
    try:
        if rights:
            backend.execute(f"GRANT {rights} ON `{backend.config['database']}`.* TO {name}@'%'")
        yield name
    finally:
        backend.execute(f"DROP USER {name}@'%'")


def refusal(store):
    """Return the text of the ConfigurationError with which a store does not open."""
    with pytest.raises(ConfigurationError) as caught:
        store.open()
    store.close()
    return str(caught.value)

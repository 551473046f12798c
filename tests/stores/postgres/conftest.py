"""What the tests of the PostgreSQL store share."""

from __future__ import annotations

from uuid import uuid4

import pytest
from support.backends import Postgres
from support.postgres import PASSWORD


@pytest.fixture
def backend(postgres):
    return Postgres(postgres)


@pytest.fixture
def by_day(postgres):
    return Postgres(postgres, partition_by_day=True)


@pytest.fixture
def make_role(backend):
    """Return a function that creates a role with PASSWORD; it returns the role's backend."""
    made = []

    def make(grants="ALL ON SCHEMA public", options="", **fields):
        role = f"chest_{uuid4().hex[:12]}"
        backend.execute(f"CREATE ROLE {role} LOGIN {options} PASSWORD '{PASSWORD}'")
        made.append(role)
        if grants:
            backend.execute(f"GRANT {grants} TO {role}")
        found = Postgres(backend.url, **fields)
        found.config = {**found.config, "user": role, "password": PASSWORD}
        return found

    yield make
    for role in made:
        backend.execute(f"DROP OWNED BY {role} CASCADE")
        backend.execute(f"DROP ROLE {role}")

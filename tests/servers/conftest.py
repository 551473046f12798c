"""A real server with an application, for the tests of this folder."""

from __future__ import annotations

import pytest
from support.serving import Serving


@pytest.fixture
def serve(tmp_path, postgres):
    """Return a function that starts a server, which delivers to SQLite and PostgreSQL."""
    return lambda command, **options: Serving(tmp_path, command, postgres, **options)

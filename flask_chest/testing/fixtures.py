"""Fixtures for pytest.

The conftest.py at the root of the tests enables them::

    pytest_plugins = ["flask_chest.testing.fixtures"]

They are not an entry point of pytest: that would import Flask-Chest into every test run of the
environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from flask_chest.testing.collect import collect

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.testing.collector import Collector


@pytest.fixture
def chest_records() -> Iterator[Callable[[Flask], Collector]]:
    """Return a function that collects the records of an application until the test ends."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(collect(app))

"""What `make test-lowest` leaves out with `--few-variants`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITTEN = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test_opens_something(number): pass

@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_of_stores(store, number): pass

@pytest.mark.opens_nothing
@pytest.mark.parametrize("number", range(3))
def test_of_data(number): pass

class TestSqlite:
    def test_the_same_contract(self): pass

class TestPostgres:
    def test_the_same_contract(self): pass
"""


def test_each_store_and_each_cheap_variant_is_kept(tmp_path):
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests/conftest.py").read_bytes())
    (tmp_path / "test_it.py").write_text(WRITTEN)
    command = ["-m", "pytest", "--quiet", "--collect-only", "--few-variants"]
    configured = ["-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path / "test_it.py"]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": ""}
    found = subprocess.run(
        [sys.executable, *command, *configured],
        capture_output=True,
        text=True,
        env=paths,
        check=True,
    ).stdout
    assert [line for line in found.splitlines() if "::" in line] == [
        "test_it.py::test_opens_something[0]",
        "test_it.py::test_of_stores[sqlite-1]",
        "test_it.py::test_of_stores[postgres-1]",
        *(f"test_it.py::test_of_data[{number}]" for number in range(3)),
        "test_it.py::TestSqlite::test_the_same_contract",
        "test_it.py::TestPostgres::test_the_same_contract",
    ]
    assert "6 deselected" in found

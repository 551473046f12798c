"""Other engines read a lake as docs/how-to/lake.md shows it. Spark does by `make test-spark`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.lake_engines import answers, fill

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a folder with a lake, and the answers of DuckDB."""
    folder = tmp_path_factory.mktemp("engines") / "lake"
    store = fill(folder, batches=9, records=200)
    try:
        return folder, answers(store)
    finally:
        store.close()


@pytest.mark.parametrize(
    "program", [pytest.param("ask_dask.py", marks=pytest.mark.slow), "ask_clickhouse.py"]
)
def test_another_engine_has_the_same_answers(lake, program):
    folder, expected = lake
    done = subprocess.run(
        [sys.executable, PROGRAMS / program, folder], stdout=subprocess.PIPE, text=True, check=True
    )
    assert json.loads(done.stdout) == expected

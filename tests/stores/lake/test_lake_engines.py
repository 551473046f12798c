"""Other engines read the files of a lake as they are. Spark does by `make test-spark`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.lake_engines import answers, fill

PROGRAM = Path(__file__).parent / "programs" / "ask_dask.py"


def test_dask_with_two_processes_has_the_same_answers(tmp_path):
    store = fill(tmp_path / "lake", batches=9, records=200)
    try:
        expected = answers(store)
    finally:
        store.close()
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path / "lake"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == expected

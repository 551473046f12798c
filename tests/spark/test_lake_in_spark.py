"""A real Spark reads the files of a lake, as in docs/how-to/lake.md. Run by `make test-spark`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from support.lake_engines import answers, fill

PROGRAM = Path(__file__).parent / "ask_spark.py"
PYTHON = Path(os.environ.get("CHEST_TEST_SPARK_PYTHON", ".venv-spark/bin/python")).absolute()
MASTER = "local-cluster[2,1,1024]"
"""Two executors, each a process with one core and 1,024 MB."""

_PATIENCE_SECONDS = 1_200
"""Limit of a wait on a busy machine. It is reached only by a test that fails."""


def test_two_executors_have_the_same_answers(tmp_path):
    store = fill(tmp_path / "lake", batches=9, records=400)
    try:
        expected = answers(store)
    finally:
        store.close()
    done = subprocess.run(
        [PYTHON, PROGRAM, tmp_path / "lake", MASTER],
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    assert json.loads(done.stdout) == {**expected, "executors": 2}

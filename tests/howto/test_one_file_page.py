"""The exporter of docs/how-to/write-to-one-file.md, and the same without one of its steps."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.pages import write_files

PAGE = "docs/how-to/write-to-one-file.md"

STEPS = {
    "lock": ("            fcntl.flock(descriptor, fcntl.LOCK_EX)\n", ""),
    "cut": ("            file.truncate(size)\n            file.seek(size)\n", ""),
    "tokens": ("if batch.token not in tokens:", "if True:"),
    "kept too early": (
        "size = self._append(batch, size)\n",
        "self._keep(size, [*tokens, batch.token]); size = self._append(batch, size)\n",
    ),
}


def run_tests(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_csv.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.slow
def test_the_exporter_on_the_page_holds_its_contract(tmp_path):
    done = run_tests(write_files(PAGE, tmp_path))
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_the_contract_notices_a_step_that_is_left_out(step, tmp_path):
    folder = write_files(PAGE, tmp_path)
    exporter = folder / "csv_exporter.py"
    text = exporter.read_text("utf-8")
    there, instead = STEPS[step]
    assert text.count(there) == 1
    exporter.write_text(text.replace(there, instead), "utf-8")
    contract = folder / "test_csv.py"
    head = "class TestCsv(ExporterContract):\n"
    contract.write_text(contract.read_text("utf-8").replace(head, f"{head}    moments = 15\n"))
    done = run_tests(folder, "-k", "whatever_interrupts")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"\d+\s+interruptions", done.stdout), done.stdout

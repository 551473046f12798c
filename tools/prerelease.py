"""Run the tests of capture with the newest pre-release of Flask, where the package index has one.

Used by `make test-compat`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv-prerelease"
TESTS: Final = (
    "tests/capture",
    "tests/encode",
    "tests/test_extension.py",
    "tests/test_correlation.py",
)


def newest() -> Version:
    """Return the newest version of Flask that the package index has, pre-releases included."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    done = subprocess.run(
        [*pip, "--no-deps", "--pre", "--report", "-", "flask"],
        capture_output=True,
        text=True,
        check=True,
    )
    [found] = json.loads(done.stdout)["install"]
    return Version(found["metadata"]["version"])


def main(folders: list[str]) -> int:
    """Install and test; return the exit status."""
    version = newest()
    if not version.is_prerelease:
        print(f"Flask has no pre-release that is newer than {version}", flush=True)
        return 0
    python = str(VENV / "bin" / "python")
    stamp = VENV / ".version"
    if not stamp.exists() or stamp.read_text() != str(version):
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        editable = [part for folder in folders for part in ("--editable", folder)]
        subprocess.run([*pip, *editable, "--group", "test"], cwd=ROOT, check=True)
        subprocess.run([*pip, "--pre", "--upgrade", f"flask=={version}", "werkzeug"], check=True)
        stamp.write_text(str(version))
    print(f"Testing with Flask {version}", flush=True)
    return subprocess.run(
        [python, "-m", "pytest", "-m", "not slow and not long", *TESTS], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

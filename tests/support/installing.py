"""The distributions of this repository, and how the tests build and install them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {
    "flask-chest": ROOT,
    "flask-chest-sql": ROOT / "plugins/flask_chest_sql",
    "flask-chest-sqlite": ROOT / "plugins/flask_chest_sqlite",
    "flask-chest-postgres": ROOT / "plugins/flask_chest_postgres",
    "flask-chest-mysql": ROOT / "plugins/flask_chest_mysql",
    "flask-chest-mongo": ROOT / "plugins/flask_chest_mongo",
    "flask-chest-monitor": ROOT / "plugins/flask_chest_monitor",
    "flask-chest-dashboard": ROOT / "plugins/flask_chest_dashboard",
    "flask-chest-clickhouse": ROOT / "plugins/flask_chest_clickhouse",
    "flask-chest-parquet": ROOT / "plugins/flask_chest_parquet",
    "flask-chest-otlp": ROOT / "plugins/flask_chest_otlp",
}


def run(*command, cwd=None, **environment):
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build(target, *sources):
    """Build an sdist and a wheel of each distribution, as a release does."""
    target.mkdir(exist_ok=True)
    program = Path(__file__).parents[1] / "programs" / "build_distributions.py"
    run(sys.executable, program, target, *sources)


def make_environment(folder):
    """Make a clean environment without pip; return its folder `bin`."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / "bin"


def install(bin_folder, *arguments):
    """Install into a clean environment. Modules are compiled when they are imported."""
    run(
        *(sys.executable, "-m", "pip", "--python", bin_folder / "python"),
        *("install", "--quiet", "--no-compile", *arguments),
    )


def uninstall(bin_folder, distribution):
    run(
        *(sys.executable, "-m", "pip", "--python", bin_folder / "python"),
        *("uninstall", "--quiet", "--yes", distribution),
    )

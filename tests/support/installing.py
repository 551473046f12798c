"""The distributions of this repository, and how the tests build and install them."""

from __future__ import annotations

import os
import subprocess
import sys

from tools.release import building
from tools.release.distributions import ROOT, distributions

DISTRIBUTIONS = {found.name: ROOT / found.folder for found in distributions()}


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
    """Build an sdist and a wheel of each distribution, as a release does, or of other folders."""
    target.mkdir(exist_ok=True)
    if sources:
        run(sys.executable, building.BACKEND, target, *sources)
    else:
        building.build(target)


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

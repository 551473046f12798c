"""Installs each distribution alone into a clean environment of each Python, and tries it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.release.distributions import Distribution
from tools.release.pythons import Python

_SMOKE: Final = Path(__file__).with_name("smoke.py")
_TIMEOUT_SECONDS: Final = 900
_SHOWN_LINES: Final = 20


class Failed(Exception):
    """A command failed. Its text is the end of what it printed."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command without anything of this repository; return what it printed.

    Raises:
        Failed: It failed.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        lines = f"{done.stdout}{done.stderr}".strip().splitlines()
        raise Failed("\n".join(lines[-_SHOWN_LINES:]))
    return done.stdout


def try_one(python: Python, wheel: Path, distribution: Distribution, work: Path) -> str:
    """Install a wheel with what it depends on, check that all fits, and run its smoke test.

    Args:
        python: The Python.
        wheel: The wheel; those that it needs of this release are beside it.
        distribution: What the wheel is of.
        work: An empty folder, where the environment is left as `venv`.

    Returns:
        What the smoke test printed.

    Raises:
        Failed: A step failed.
    """
    environment = work / "venv"
    run(python.path, "-m", "venv", "--without-pip", environment)
    program = environment / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", program]
    run(*pip, "install", "--quiet", "--no-compile", "--find-links", wheel.parent, wheel)
    run(*pip, "check")
    files = work / "files"
    files.mkdir()
    return run(program, "-W", "error::SyntaxWarning", _SMOKE, distribution.name, cwd=files).strip()


def try_all(
    pythons: Sequence[Python], wheels: Sequence[tuple[Distribution, Path]], work: Path
) -> Iterator[tuple[Python, Distribution, Path, str | None]]:
    """Try each distribution on each Python; yield the environment, and what failed or None.

    The environment is removed when the next one is asked for.
    """
    for python in pythons:
        for distribution, wheel in wheels:
            place = work / f"{python.version}-{distribution.name}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            failure = None
            try:
                try_one(python, wheel, distribution, place)
            except (Failed, subprocess.TimeoutExpired) as error:
                failure = str(error)
            yield python, distribution, place / "venv", failure
            shutil.rmtree(place)

"""Run the tests with the lowest declared version of each dependency, exactly.

Used by `make test-lowest`; `--only-install` ends before the tests. Uses Python 3.10, the lowest
supported version, if it is installed.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-lowest"
OURS = tuple(
    f"flask-chest{suffix}"
    for suffix in (
        "",
        "-sql",
        "-sqlite",
        "-postgres",
        "-mysql",
        "-mongo",
        "-monitor",
        "-dashboard",
        "-clickhouse",
        "-parquet",
        "-otlp",
    )
)


def lowest_versions() -> dict[str, str]:
    """Return the declared lower bound of each third-party dependency.

    Raises:
        SystemExit: A dependency has none, or two distributions declare different ones.
    """
    found: dict[str, str] = {}
    for distribution in OURS:
        for text in importlib.metadata.requires(distribution) or ():
            requirement = Requirement(text)
            if requirement.name in OURS or requirement.marker:  # an extra's
                continue
            bounds = [s.version for s in requirement.specifier if s.operator == ">="]
            if len(bounds) != 1:
                sys.exit(f"{distribution} declares no lowest version: {text}")
            if found.setdefault(requirement.name, bounds[0]) != bounds[0]:
                sys.exit(f"{distribution} and another declare different lowest versions: {text}")
    return found


def lowest_python() -> str:
    """Return a Python 3.10 from the PATH or from pyenv, else this Python."""
    candidates = [shutil.which("python3.10") or ""]
    candidates += map(str, sorted(Path.home().glob(".pyenv/versions/3.10.*/bin/python")))
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    print(f"No Python 3.10 found; testing with {sys.version.split()[0]}", flush=True)
    return sys.executable


def install(folders: list[str]) -> tuple[str, list[str]]:
    """Return the Python of an environment with the lowest versions, and what it has of them."""
    versions = lowest_versions()
    pins = [f"{name}=={version}" for name, version in sorted(versions.items())]
    python = str(VENV / "bin" / "python")
    stamp = VENV / ".pins"
    if not stamp.exists() or stamp.read_text() != "\n".join(pins):
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([lowest_python(), "-m", "venv", VENV], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        editable = [part for folder in folders for part in ("--editable", folder)]
        subprocess.run([*pip, *pins, *editable, "--group", "test"], cwd=ROOT, check=True)
        stamp.write_text("\n".join(pins))
    show = "import importlib.metadata as m, sys; print(*(m.version(n) for n in sys.argv[1:]))"
    installed = subprocess.run(
        [python, "-c", show, *versions], capture_output=True, text=True, check=True
    ).stdout.split()
    if installed != list(versions.values()):
        sys.exit(f"not the lowest versions: {dict(zip(versions, installed, strict=True))}")
    return python, pins


def test(python: str, pins: list[str], pytest_arguments: list[str]) -> int:
    """Run the tests, and return the exit code."""
    print("Testing with", *pins, flush=True)
    # The browser has one version, and has been with the newest ones already. So has what variants
    # differ in, other than the store or server. The storm and the pages of the docs ask nothing of
    # a dependency that other tests do not.
    tests = [
        python,
        "-m",
        "pytest",
        "-m",
        "not slow and not long and not packaging and not browser",
        "--few-variants",
        "--ignore=tests/storm",
        "--ignore=tests/docs",
        "--ignore=tests/howto",
        *pytest_arguments,
    ]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    made = install([argument for argument in sys.argv[1:] if not argument.startswith("-")])
    sys.exit(0 if options == ["--only-install"] else test(*made, options))

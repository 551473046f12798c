"""Public Flask applications: downloaded by pip once, and kept in the virtual environment."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KEPT = Path(sys.prefix) / "public-apps"


@dataclass(frozen=True)
class PublicApp:
    """An application of other authors.

    Attributes:
        package: The package to import.
        folder: The published source: the package, and its tests in `tests`.
        libraries: Folder of libraries that it needs beside the environment; None for none.
        bare: Source of a module `app` that serves it.
    """

    package: str
    folder: Path
    libraries: Path | None
    bare: str

    def copy_to(self, folder):
        """Copy the source to a folder that may be changed."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def environment(self, *more):
        """Return the environment of a process that runs in a copy."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "FLASK_"))}
        paths = [".", *more, *filter(None, [self.libraries])]
        return {**ours, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def flaskr():
    """Return the application of Flask's tutorial, of the installed version."""
    version = importlib.metadata.version("flask")
    folder = _source("flask", version) / "examples" / "tutorial"
    bare = "from flaskr import create_app\n\napp = create_app()\n"
    return PublicApp("flaskr", folder, None, bare)


def httpbin():
    """Return httpbin: streams, ranges, redirects, compression, authentication, odd statuses.

    It requires an older greenlet than gevent does, but does not use it. Other requirements are
    installed into a folder of their own.
    """
    folder = _source("httpbin", "0.10.4")
    libraries = _kept(
        f"httpbin-libraries-{sys.implementation.cache_tag}",
        lambda into: _pip(
            *("install", "--no-deps", "--only-binary=:all:", "--target", into),
            *("brotlicffi", "cffi", "pycparser", "decorator", "six"),
        ),
    )
    return PublicApp("httpbin", folder, libraries, "from httpbin import app\n")


def _source(name, version):
    """Return the folder of an unpacked source distribution."""

    def fetch(into):
        _pip("download", "--no-deps", f"--no-binary={name}", "--dest", into, f"{name}=={version}")
        [archive] = into.glob("*.tar.gz")
        # Not tarfile: a Python 3.10 may be too old for its filters, a newer one warns without.
        unpack = ["tar", "xzf", archive, "--strip-components=1", "--no-same-owner", "-C", into]
        subprocess.run(unpack, check=True)
        archive.unlink()

    return _kept(f"{name}-{version}", fetch)


def _kept(name, fetch):
    """Return a folder that `fetch` fills once, for all processes."""
    folder = KEPT / name
    KEPT.mkdir(exist_ok=True)
    with _lock(KEPT / "lock"):
        if not folder.exists():
            unfinished = KEPT / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            fetch(unfinished)
            unfinished.rename(folder)
    return folder


@contextlib.contextmanager
def _lock(file):
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pip(command, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"pip could not get {arguments[-1]} from the package index. The tests of public "
            f"applications need that once: it is kept in {KEPT}. Run them where pip has its "
            f"index, or name a folder of archives in PIP_FIND_LINKS\n{done.stderr[-2000:]}"
        )

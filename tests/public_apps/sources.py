"""Public Flask applications: downloaded by pip once, and kept in the virtual environment."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
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
        source: Where the package is in the folder.
        options: What pytest is given to run its tests.
    """

    package: str
    folder: Path
    libraries: Path | None = None
    bare: str = ""
    source: str = "."
    options: tuple[str, ...] = ("-W", "error", "tests")

    def copy_to(self, folder):
        """Copy the source to a folder that may be changed."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def environment(self, *more):
        """Return the environment of a process that runs in a copy."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "FLASK_"))}
        paths = [self.source, *more, *filter(None, [self.libraries])]
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
    libraries = _libraries("httpbin", "brotlicffi", "cffi", "pycparser", "decorator", "six")
    return PublicApp("httpbin", folder, libraries, "from httpbin import app\n")


def flask_security():
    """Return Flask-Security, and an application of its authors: a blog for logged-in users.

    They have logins, sessions, forms, CSRF protection, Flask-SQLAlchemy and async views. The tests
    are a selection, as all of them take minutes. Those of MongoDB, Peewee and Pony are left out.
    The version is the last that works with Flask 3.0.
    """
    libraries = _libraries(
        "flask-security",
        *("argon2-cffi==25.1.0", "argon2-cffi-bindings==25.1.0", "babel==2.17.0", "bcrypt==4.3.0"),
        *("bleach==6.2.0", "email-validator==2.2.0", "flask-babel==4.0.0", "flask-login==0.6.3"),
        *("flask-mailman==1.1.1", "flask-principal==0.4.0", "flask-sqlalchemy==3.1.1"),
        *("flask-sqlalchemy-lite==0.1.0", "flask-wtf==1.2.2", "freezegun==1.5.5"),
        *("importlib-resources==6.5.2", "libpass==1.9.1", "python-dateutil==2.9.0.post0"),
        *("pytz==2025.2", "six==1.17.0", "sqlalchemy==2.0.44", "sqlalchemy-utils==0.42.0"),
        *("webencodings==0.5.1", "wtforms==3.2.1", "zxcvbn==4.5.0"),
    )
    files = ("test_async", "test_csrf", "test_basic")
    options = (
        *("-o", "addopts=", "-W", "default::DeprecationWarning"),
        *("-k", "not mongo and not peewee and not pony"),
        *("examples/fsqlalchemy1/tests", *_modules(files)),
    )
    folder = _source("flask-security", "5.6.2")
    return PublicApp("flask_security", folder, libraries, options=options)


def apiflask():
    """Return APIFlask, and its examples: a dozen APIs with uploads, pages and an ORM.

    APIFlask is a subclass of Flask. The tests are those that make requests; the others are about
    the OpenAPI document.
    """
    libraries = _libraries(
        "apiflask",
        *("apispec==6.8.4", "email-validator==2.2.0", "flask-httpauth==4.8.0"),
        *("flask-marshmallow==1.3.0", "flask-sqlalchemy==3.1.1", "jsonschema==4.25.1"),
        *("jsonschema-path==0.3.4", "jsonschema-specifications==2025.9.1"),
        *("lazy-object-proxy==1.12.0", "marshmallow==3.26.1", "marshmallow-dataclass==8.7.1"),
        *("mypy-extensions==1.1.0", "openapi-schema-validator==0.6.3"),
        *("openapi-spec-validator==0.7.2", "pathable==0.4.4", "pyyaml==6.0.3"),
        *("referencing==0.36.2", "rfc3339-validator==0.1.4", "rpds-py==0.27.1", "six==1.17.0"),
        *("typeguard==4.4.4", "typing-inspect==0.9.0", "webargs==8.7.0"),
    )
    files = (
        *("test_app", "test_async", "test_base_response", "test_blueprint", "test_exceptions"),
        *("test_helpers", "test_route"),
    )
    more = ("test_decorator_auth_required", "test_decorator_input", "test_decorator_output")
    more = (*more, "test_pydantic_integration")
    options = ("-o", "addopts=", "examples", *_modules((*files, *more)))
    folder = _source("apiflask", "3.1.2")
    return PublicApp("apiflask", folder, libraries, source="src", options=options)


def _modules(names):
    return tuple(f"tests/{name}.py" for name in names)


def _libraries(name, *requirements):
    """Return a folder of libraries that lies before those of the environment."""
    digest = hashlib.sha256(" ".join(requirements).encode()).hexdigest()[:8]
    return _kept(
        f"{name}-libraries-{sys.implementation.cache_tag}-{digest}",
        lambda into: _pip(
            *("install", "--no-deps", "--only-binary=:all:"),
            "--no-binary=flask-principal",  # has no wheel
            *("--target", into, *requirements),
        ),
    )


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

"""Runs Python programs, each in a fork of this process, which has imported what they need already.

Argument: the number of the socket on which requests arrive. Of Flask-Chest the modules are imported
before the fork, and nothing of them is called: that is left to the program.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import types
import warnings
from pathlib import Path

LIBRARIES = (
    *("flask", "flask.cli", "werkzeug.serving", "werkzeug.test"),
    *("pluggy", "packaging.requirements", "packaging.version"),
    *("apscheduler.schedulers.background", "apscheduler.executors.pool"),
    # `import pydantic` alone imports nothing: its names are imported when they are first asked for.
    *("pydantic.main", "pydantic.networks", "pydantic.root_model", "pydantic.type_adapter"),
    *("sqlite3", "sqlalchemy", "sqlalchemy.dialects.sqlite", "psycopg", "pymongo", "pymysql"),
)
OURS = tuple(
    f"flask_chest{suffix}" for suffix in ("", "_sql", "_sqlite", "_postgres", "_mysql", "_mongo")
)
MOST_BYTES = 1_000_000


def import_whole(package):
    """Import a package and all that is in it, but what needs the extra `testing`."""
    module = importlib.import_module(package)
    for each in pkgutil.walk_packages(module.__path__, f"{package}."):
        if not each.name.startswith("flask_chest.testing") and not each.name.endswith("__main__"):
            importlib.import_module(each.name)


def next_program(requests):
    """Return, in a fork, what is asked for. This process ends with the other side of the socket."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not message:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            *streams, answer = descriptors
            program = os.fork()
            if program == 0:
                os.close(answer)
                return json.loads(message), streams
            wait_for(program, streams, answer)
        for descriptor in descriptors:
            os.close(descriptor)


def wait_for(program, streams, answer):
    """Answer with the process ID of a program, and with its exit code once it has ended."""
    for stream in streams:
        os.close(stream)
    os.write(answer, b"%d\n" % program)
    _, status = os.waitpid(program, 0)
    with contextlib.suppress(BrokenPipeError):  # nobody has waited
        os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def take(streams):
    """Make three descriptors stdin, stdout and stderr, as a new interpreter does."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        inherited = getattr(sys, name)
        stream = open(  # noqa: SIM115 - a descriptor, which stays open
            number,
            "w" if number else "r",
            1 if name == "stderr" or os.isatty(number) else -1,
            encoding=inherited.encoding,
            errors=inherited.errors,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run(request, streams):
    """Do what `python ARGUMENTS` does."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    take(streams)
    sys.path[1:1] = filter(None, request["environment"].get("PYTHONPATH", "").split(os.pathsep))
    first, *arguments = request["arguments"]
    while first in ("-B", "-W"):
        if first == "-B":
            sys.dont_write_bytecode = True
        else:
            action, _, category = arguments.pop(0).partition("::")
            warnings.simplefilter(action, getattr(builtins, category))
        first, *arguments = arguments
    if first == "-m":
        sys.argv[:] = arguments
        sys.path[0] = str(Path.cwd())
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    if first == "-c":
        source, name = arguments.pop(0), "<string>"
        sys.path[0] = ""
    else:
        source, name = Path(first).read_text("utf-8"), first
        sys.path[0] = str(Path(first).resolve().parent)
        main.__file__ = first
    sys.argv[:] = [first, *arguments]
    exec(compile(source, name, "exec"), main.__dict__)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    for package in OURS:
        import_whole(package)
    gc.collect()
    gc.freeze()  # a collection in a fork leaves what is imported alone, and its memory shared
    run(*next_program(socket.socket(fileno=int(sys.argv[1]))))

"""Python programs that start in a quarter of the time, as what they import is imported already.

Each runs in a process of its own: a fork of one that has imported Flask, SQLAlchemy, Flask-Chest
and the like. See `tests/programs/warm_python.py`. What starts an interpreter of its own is tested,
too: servers, `flask-chest` and whatever a terminal shows.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "programs" / "warm_python.py"

_READ_AT_START = ("PYTHON", "LANG", "LC_")
"""How the names of variables begin that an interpreter reads when it starts."""


def _read_at_start(environment):
    return {k: v for k, v in environment.items() if k.startswith(_READ_AT_START)}


class WarmPython:
    """Runs programs. Use it as a context manager."""

    def __init__(self):
        self._environment = _read_at_start(os.environ)
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, PROGRAM, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._requests.close()
        self._process.wait()

    def run(
        self,
        arguments,
        *,
        cwd,
        timeout,
        env=None,
        stdin=None,
        input="",  # noqa: A002 - the name that it has for subprocess.run
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ):
        """Run `python ARGUMENTS` to its end, as `subprocess.run` does with `text=True`.

        Args:
            arguments: Perhaps `-B`; then `-m` and a module, `-c` and a text, or a file; and more.
            cwd: The folder.
            timeout: In seconds. Later it is killed, and the test fails.
            env: The environment; None for that of this process.
            stdin: A file or descriptor to read from; None or `subprocess.DEVNULL` for `input`.
            input: The text to read.
            stdout: A file or descriptor; `subprocess.PIPE` to return what is written.
            stderr: The same.
        """
        arguments = [str(argument) for argument in arguments]
        environment = dict(os.environ if env is None else env)
        with ExitStack() as stack:
            given = stack.enter_context(tempfile.TemporaryFile())
            given.write(input.encode())
            given.seek(0)
            out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            streams = [
                given if stdin in (None, subprocess.DEVNULL) else stdin,
                out if stdout == subprocess.PIPE else stdout,
                err if stderr == subprocess.PIPE else stderr,
            ]
            if _read_at_start(environment) == self._environment:
                request = {"arguments": arguments, "folder": str(cwd), "environment": environment}
                code = self._fork(request, streams, timeout)
            else:
                command = [sys.executable, *arguments]
                code = _run(command, cwd, environment, streams, timeout)
            shown = [_text(out), _text(err)]
        return subprocess.CompletedProcess(arguments, code, *shown)

    def _fork(self, request, streams, timeout):
        """Let a program run to its end; return its exit code."""
        descriptors = [s if isinstance(s, int) else s.fileno() for s in streams]
        answers, answer = os.pipe()
        with os.fdopen(answers, "rb") as answers:
            try:
                message = json.dumps(request).encode()
                socket.send_fds(self._requests, [message], [*descriptors, answer])
            finally:
                os.close(answer)
            program = int(answers.readline())
            if not select.select([answers], [], [], timeout)[0]:
                os.kill(program, signal.SIGKILL)
                raise AssertionError(f"{request['arguments']} takes more than {timeout} s")
            return int(answers.readline())


def _run(command, folder, environment, streams, timeout):
    stdin, stdout, stderr = streams
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        timeout=timeout,
        check=False,
    ).returncode


def _text(stream):
    stream.seek(0)
    return stream.read().decode()

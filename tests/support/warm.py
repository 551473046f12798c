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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
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
            arguments = [str(argument) for argument in arguments]
            environment = dict(os.environ if env is None else env)
            if _read_at_start(environment) == self._environment:
                code = self._fork(arguments, cwd, environment, streams).wait(timeout)
            else:
                command = [sys.executable, *arguments]
                code = _run(command, cwd, environment, streams, timeout)
            shown = [_text(out), _text(err)]
        return subprocess.CompletedProcess(arguments, code, *shown)

    def start(self, arguments, *, cwd=None, env=None, text=False):
        """Start `python ARGUMENTS`, connected by three pipes, as `subprocess.Popen` does.

        What an interpreter reads of the environment when it starts is that of this process, but for
        `PYTHONPATH`.
        """
        pipes = [os.pipe() for _ in range(3)]
        (given, stdin), (stdout, out), (stderr, err) = pipes
        arguments = [str(argument) for argument in arguments]
        environment = dict(os.environ if env is None else env)
        try:
            program = self._fork(arguments, cwd or Path.cwd(), environment, [given, out, err])
        finally:
            for descriptor in (given, out, err):
                os.close(descriptor)
        mode, buffering = ("", -1) if text else ("b", 0)
        program.stdin = os.fdopen(stdin, f"w{mode}", buffering)
        program.stdout = os.fdopen(stdout, f"r{mode}", buffering)
        program.stderr = os.fdopen(stderr, f"r{mode}", buffering)
        return program

    def _fork(self, arguments, folder, environment, streams):
        """Start a program with three open files or descriptors."""
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        descriptors = [s if isinstance(s, int) else s.fileno() for s in streams]
        answers, answer = os.pipe()
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [*descriptors, answer])
        finally:
            os.close(answer)
        return Program(arguments, os.fdopen(answers, "rb"))


class Program:
    """A program that runs. It has what the tests use of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments, answers):
        self.args, self._answers = arguments, answers
        self.pid = int(answers.readline())
        self.returncode = None

    def poll(self):
        """Return the exit code; None while it runs."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout=None):
        """Return the exit code. After the timeout, the program is killed, and the test fails."""
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"{self.args} takes more than {timeout} s")
            self._end()
        return self.returncode

    def _end(self):
        self.returncode = int(self._answers.readline())
        self._answers.close()

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, given=None, timeout=None):
        """Give it the last of its input, and return what it wrote until its end."""
        if self.stdin is not None and not self.stdin.closed:
            with suppress(BrokenPipeError), self.stdin:
                if given:
                    self.stdin.write(given)
        with ThreadPoolExecutor(2) as readers:
            texts = [readers.submit(_rest, stream) for stream in (self.stdout, self.stderr)]
            self.wait(timeout)
        return texts[0].result(), texts[1].result()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self.wait()


def _rest(stream):
    if stream.closed:
        return None
    with stream:
        return stream.read()


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

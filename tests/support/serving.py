"""Runs one small application under real servers, asks it, and looks at its processes and files."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

APP = """
import json, os
from flask import Flask, g
from flask_chest import FlaskChest

app = Flask(__name__)
chest = FlaskChest(app, exporters=json.loads(os.environ["EXPORTERS"]))

@app.get("/")
@chest.track("pid")
def view():
    g.pid = os.getpid()
    return str(g.pid)
"""


# The master of newer versions of gunicorn has a control socket, and with it a thread.
QUIET = {"gunicorn.conf.py": "control_socket_disable = True\n"}


def until(condition, seconds=60.0):
    """Wait for a condition; return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return result


# -- Processes -----------------------------------------------------------------------------------


def children(pid):
    """Return the process IDs of the children of a process, and of theirs."""
    found = []
    for task in listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):  # ended in this moment
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text("ascii").split():
                found += [int(child), *children(child)]
    return found


def threads_of(pid):
    return len(listed(f"/proc/{pid}/task"))


def locked_by(pid, folder):
    """Return the names of the files in a folder on which a process has an exclusive lock."""
    held = []
    for descriptor in listed(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # closed in this moment
            target = Path(f"/proc/{pid}/fd/{descriptor}").readlink()
            about = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text("ascii")
            if folder in target.parents and "FLOCK" in about:
                held.append(target.name)
    return held


def listed(folder):
    """Return what is in a folder of /proc; nothing when the process has just ended."""
    with contextlib.suppress(OSError):
        return [each.name for each in Path(folder).iterdir()]
    return []


# -- A server ------------------------------------------------------------------------------------


class Serving:
    """A server that runs the application in a folder, delivering to SQLite and perhaps elsewhere.

    Args:
        folder: Gets the application, its journal and its database.
        command: Starts the server; `{fd}` stands for a socket that listens already, which nobody
            can take away. Without it, the server is asked for any port, and its log says which.
        postgres: URL of a database that it delivers to as well, or None.
        app: Source of the application.
        interval: CHEST_EXPORT_INTERVAL_SECONDS.
        exporters: More exporters, by name.
    """

    def __init__(self, folder, command, postgres=None, *, app=APP, interval=0.25, exporters=None):
        self.folder = folder
        self.journal = folder / "instance" / "chest"
        self.postgres = postgres
        self.answered = []
        self.answers = collections.Counter()  # by process
        self._lock = threading.Lock()
        (folder / "app.py").write_text(app)
        urls = {"main": "sqlite:///<instance>/chest.sqlite3"}
        if postgres is not None:
            urls["central"] = postgres
        urls.update(exporters or {})
        self.environment = {
            **os.environ,
            "EXPORTERS": json.dumps(urls),
            "FLASK_CHEST_EXPORT_INTERVAL_SECONDS": str(interval),
        }
        self.log_file = folder / "server.log"
        with self.log_file.open("wb") as log, socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            bound = [word.replace("{fd}", str(listener.fileno())) for word in command]
            self.process = subprocess.Popen(
                bound,
                cwd=folder,
                env=self.environment,
                pass_fds=[listener.fileno()] if bound != command else (),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self.port = listener.getsockname()[1] if bound != command else None

    def __enter__(self):
        if self.port is None:
            pattern = re.compile(r"Running on http://127\.0\.0\.1:(\d+)")
            try:
                self.port = int(until(lambda: pattern.search(self.log()))[1])
            except BaseException as error:
                self.__exit__(type(error), error, None)
                raise
        return self

    def __exit__(self, kind, error, trace):
        alive = self.process.poll() is None
        with contextlib.suppress(ProcessLookupError):  # what is left of its own session
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if kind is not None:
            sys.stderr.write(f"{'killed' if alive else 'ended'}:\n{self.log()[-8000:]}\n")

    def log(self):
        return self.log_file.read_text("utf-8", "replace")

    @property
    def pids(self):
        """The processes that have answered."""
        return set(self.answers)

    @property
    def workers(self):
        return children(self.process.pid) or [self.process.pid]

    # -- Requests ----------------------------------------------------------------------------------

    def get(self, path="/", seconds=60.0):
        """Return the body and the request ID of a complete response; None when there was none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()  # raises when it is not whole
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body.decode(), response.headers["X-Request-ID"]

    def ask(self, done=lambda: False, times=None):
        """Ask, a connection each time, until `done()` or so often; note what was answered."""
        stop, errors = threading.Event(), []

        def run():
            deadline = time.monotonic() + 90
            while not stop.is_set():
                if time.monotonic() > deadline:
                    errors.append("it never happened")
                    return
                got = self.get()
                if got is None:
                    time.sleep(0.02)
                    continue
                with self._lock:
                    self.answers[int(got[0])] += 1
                    self.answered.append(got[1])
                    if done() or (times is not None and len(self.answered) >= first + times):
                        stop.set()
                stop.wait(0.005)  # leaves the processor to workers that start

        first = len(self.answered)
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, (errors, self.pids, len(self.answered))

    def visit(self, path):
        """Ask once, and return the body."""
        body, request_id = self.get(path)
        self.answered.append(request_id)
        return body

    # -- What is there -----------------------------------------------------------------------------

    def stored(self, columns="id, request_id, instance, json_extract(variables, '$.pid')"):
        """Return the rows in SQLite."""
        file = self.folder / "instance" / "chest.sqlite3"
        if not file.exists():
            return []
        with contextlib.closing(sqlite3.connect(file, timeout=20)) as connection:
            try:
                return connection.execute(f"SELECT {columns} FROM chest_records").fetchall()
            except sqlite3.OperationalError:  # the table is not there yet
                return []

    def stored_centrally(self):
        """Return the request ID of each row in PostgreSQL."""
        with psycopg.connect(self.postgres) as connection:
            try:
                rows = connection.execute("SELECT request_id FROM chest_records").fetchall()
            except psycopg.errors.UndefinedTable:
                return []
        return [request_id for (request_id,) in rows]

    def has_all(self, *, exact=True):
        """Tell whether each answered request is in each database once, and (exact) no other."""
        return not self.differences(exact=exact)

    def differences(self, *, exact=True):
        """Return the request IDs that each database lacks or (exact) has too many."""
        stored = {"SQLite": [request_id for (request_id,) in self.stored("request_id")]}
        if self.postgres is not None:
            stored["PostgreSQL"] = self.stored_centrally()
        found = {}
        for database, request_ids in stored.items():
            assert len(request_ids) == len(set(request_ids))
            wrong = set(self.answered) - set(request_ids)
            if exact:
                wrong = set(self.answered) ^ set(request_ids)
            if wrong:
                found[database] = sorted(wrong)
        return found

    def connections(self):
        """Return how many connections the exporters of all processes have to PostgreSQL."""
        with psycopg.connect(self.postgres) as connection:
            return connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'flask-chest'"
            ).fetchone()[0]

    def locks(self):
        """Return which process has which files of the journal locked."""
        return {pid: locked_by(pid, self.journal) for pid in [self.process.pid, *self.workers]}

    def segments(self):
        """Return which process has which segments locked, of those that have any."""
        found = {
            pid: [name for name in names if name.endswith(".jsonl")]
            for pid, names in self.locks().items()
        }
        return {pid: names for pid, names in found.items() if names}

    def holder(self):
        """Return the process that delivers for the host; None in a moment without one."""
        holding = [pid for pid, names in self.locks().items() if "export.lock" in names]
        assert len(holding) <= 1
        return holding[0] if holding else None

    # -- The end -----------------------------------------------------------------------------------

    def settle(self, most, workers=2):
        """Ask until no worker starts or ends: all have answered, but less than `most`.

        A worker that has just been forked does not hear a signal: gunicorn would wait 30 s for it.
        """

        def is_settled():
            running = self.workers
            return len(running) == workers and all(0 < self.answers[pid] < most for pid in running)

        def ask_slowly():
            # Else one worker has answered all that it may before the next one has started.
            time.sleep(0.5)
            got = self.get()
            if got is not None:
                self.answers[int(got[0])] += 1
                self.answered.append(got[1])

        until(lambda: is_settled() or ask_slowly(), seconds=90.0)

    def is_idle(self):
        """Tell whether no worker of uWSGI is at a request: one that is ends without a last word."""
        folder = os.open(self.folder, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as stats:
                stats.connect(f"/proc/self/fd/{folder}/stats.sock")  # its own path may be too long
                with stats.makefile() as file:
                    workers = json.load(file)["workers"]
        finally:
            os.close(folder)
        return all(worker["status"] in {"idle", "cheap"} for worker in workers)

    def reload(self, how):
        """Let the server replace all workers: by a signal, or by a word to uWSGI's FIFO.

        Return those that are replaced. uWSGI's master reads the FIFO only after it has slept, when
        workers ended quickly, and others may have begun until then: its log says which it ends.
        """
        old = set(self.workers)
        if isinstance(how, str):
            (self.folder / "fifo").write_text(how)
            ended = re.compile(r"Gracefully killing worker \d+ \(pid: (\d+)\)")
            old.update(map(int, until(lambda: ended.findall(self.log()))))
        else:
            self.process.send_signal(how)
        return old

    def end(self, how, *, everyone=False):
        """Send the server, or all its processes as a terminal does, a signal; return its status."""
        if (self.folder / "stats.sock").exists():
            until(self.is_idle)
        if everyone:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        return self.process.wait(25)

    def flask(self, *words):
        """Run `flask ...` beside the server; return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


# -- The commands of the servers -------------------------------------------------------------------


def gunicorn(*options):
    return [
        *(sys.executable, "-m", "gunicorn", "--workers=2", "--bind=fd://{fd}"),
        *(*options, "app:app"),
    ]


def uwsgi(*options):
    program = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
    assert program, "pip install pyuwsgi"
    return [
        *(program, "--http-socket=fd://{fd}", "--module=app:app", "--need-app", "--die-on-term"),
        *(f"--virtualenv={sys.prefix}", "--disable-logging", *options),
        *("--master-fifo=fifo", "--stats=stats.sock"),
    ]


def waitress():
    serve = (
        "import socket, sys, waitress; from app import app;"
        "waitress.serve(app, sockets=[socket.socket(fileno=int(sys.argv[1]))], threads=4)"
    )
    return [sys.executable, "-c", serve, "{fd}"]


def flask_run(*options):
    return [sys.executable, "-m", "flask", "--app", "app", "run", "--port=0", *options]

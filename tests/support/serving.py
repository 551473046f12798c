"""Runs a small application under a real server, and observes its processes, files and records."""

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
from support.processes import children, locked_by

PROGRAMS = Path(__file__).parents[1] / "servers" / "programs"


def until(condition, seconds=120.0):
    """Wait until a condition is true; return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds"
        time.sleep(0.02)
    return result


class Serving:
    """A server that runs an application in a folder, and delivers to SQLite and to other exporters.

    Args:
        folder: Holds the application, its journal and its database.
        command: Starts the server. `{fd}` is replaced by the number of a listening socket. Without
            it, the server chooses a port and writes it to its log.
        postgres: URL of a database of the exporter `central`; None for no such exporter.
        app: Name of a program of tests/servers/programs, copied as `app.py`; None when the folder
            has an `app.py`.
        interval: CHEST_EXPORT_INTERVAL_SECONDS.
        exporters: More exporters, by name.
    """

    def __init__(
        self, folder, command, postgres=None, *, app="tracked", interval=0.25, exporters=None
    ):
        self.folder = folder
        self.journal = folder / "instance" / "chest"
        self.postgres = postgres
        self.answered = []
        self.answers = collections.Counter()  # by process
        self._lock = threading.Lock()
        for name in ("gunicorn.conf.py", "serve_eventlet.py", "serve_waitress.py"):
            shutil.copy(PROGRAMS / name, folder)
        if app is not None:
            shutil.copy(PROGRAMS / "tracked.py", folder)
            shutil.copy(PROGRAMS / f"{app}.py", folder / "app.py")
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
        with contextlib.suppress(ProcessLookupError):  # the rest of its session
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if kind is not None:
            sys.stderr.write(f"{'killed' if alive else 'ended'}:\n{self.log()[-8000:]}\n")

    def log(self):
        return self.log_file.read_text("utf-8", "replace")

    @property
    def pids(self):
        """Process IDs that have answered."""
        return set(self.answers)

    @property
    def workers(self):
        return children(self.process.pid) or [self.process.pid]

    # -- Requests ----------------------------------------------------------------------------------

    def get(self, path="/", seconds=120.0):
        """Return body and request ID of a complete response; None without one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()  # raises when it is incomplete
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body.decode(), response.headers["X-Request-ID"]

    def ask(self, done=lambda: False, times=None):
        """Send requests on new connections until `done()`, or `times`; note what was answered."""
        stop, errors = threading.Event(), []

        def run():
            deadline = time.monotonic() + 180
            while not stop.is_set():
                if time.monotonic() > deadline:
                    errors.append("not within 180 seconds")
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
                stop.wait(0.005)  # leaves CPU time to workers that start

        first = len(self.answered)
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, (errors, self.pids, len(self.answered))

    def visit(self, path):
        """Send one request, and return the body."""
        body, request_id = self.get(path)
        self.answered.append(request_id)
        return body

    # -- Records, connections and locks ------------------------------------------------------------

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
        """Return whether each answered request is in each database once, and (exact) no other."""
        return not self.differences(exact=exact)

    def differences(self, *, exact=True):
        """Return the request IDs that each database lacks or (exact) should not have."""
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
        """Return the number of connections to PostgreSQL of the exporters of all processes."""
        with psycopg.connect(self.postgres) as connection:
            return connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'flask-chest'"
            ).fetchone()[0]

    def locks(self):
        """Return the files of the journal that each process has locked."""
        return {pid: locked_by(pid, self.journal) for pid in [self.process.pid, *self.workers]}

    def segments(self):
        """Return the segments that each process has locked, without processes that have none."""
        found = {
            pid: [name for name in names if name.endswith(".jsonl")]
            for pid, names in self.locks().items()
        }
        return {pid: names for pid, names in found.items() if names}

    def leader(self):
        """Return the process that delivers for the host; None while there is none."""
        leaders = [pid for pid, names in self.locks().items() if "export.lock" in names]
        assert len(leaders) <= 1
        return leaders[0] if leaders else None

    # -- The end -----------------------------------------------------------------------------------

    def settle(self, most, workers=2):
        """Send requests until no worker starts or ends: each answered fewer than `most`.

        A worker that was just forked ignores signals, and gunicorn would wait 30 s for it.
        """

        def is_settled():
            running = self.workers
            return len(running) == workers and all(0 < self.answers[pid] < most for pid in running)

        def ask_slowly():
            # Faster, one worker would reach its limit before the next one has started.
            time.sleep(0.5)
            got = self.get()
            if got is not None:
                self.answers[int(got[0])] += 1
                self.answered.append(got[1])

        until(lambda: is_settled() or ask_slowly(), seconds=180.0)

    def is_idle(self):
        """Return whether no worker of uWSGI serves a request.

        A worker that does would end without running Python's exit functions.
        """
        folder = os.open(self.folder, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as stats:
                stats.connect(f"/proc/self/fd/{folder}/stats.sock")  # the full path may be too long
                with stats.makefile() as file:
                    workers = json.load(file)["workers"]
        finally:
            os.close(folder)
        return all(worker["status"] in {"idle", "cheap"} for worker in workers)

    def reload(self, how):
        """Make the server replace all workers: by a signal, or by a command to uWSGI's FIFO.

        Returns the workers that are replaced. uWSGI's master may read the FIFO late, when some
        workers have ended and others have begun, so its log says which it ends.
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
        """Send a signal to the server, or as a terminal to all its processes; return its status."""
        if (self.folder / "stats.sock").exists():
            until(self.is_idle)
        if everyone:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        return self.process.wait(90)

    def flask(self, *words):
        """Run a `flask` command beside the server; return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def assert_identities(serving):
    """Check that record IDs share no random bits, and that each record names its process."""
    rows = serving.stored()
    assert len({record_id[-15:] for record_id, *_ in rows}) == len(rows)
    for _, _, instance, pid in rows:
        assert instance.endswith(f":{pid}")


# -- Commands that start servers -------------------------------------------------------------------


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
    return [sys.executable, "serve_waitress.py", "{fd}"]


def eventlet():
    return [sys.executable, "serve_eventlet.py", "{fd}"]


def hypercorn(*options):
    return [sys.executable, "-m", "hypercorn", "--bind=fd://{fd}", *options, "wsgi:app:app"]


def flask_run(*options):
    return [sys.executable, "-m", "flask", "--app", "app", "run", "--port=0", *options]

"""Runs the storm: ``python -m tests.storm --help``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flask_chest import open_store
from flask_chest.testing import make_batch, make_record
from tests.storm import chaos, databases, operator, sabotage
from tests.storm.client import ERASED, Load
from tests.storm.disk import Disk, enter_namespace
from tests.storm.host import Host, dying_with_us, until
from tests.storm.verdict import GRACE_SECONDS, OLD, Evidence, Verdict

ROOT = Path(__file__).parents[2]
_DRAIN_SECONDS = 180.0
_FLUSH_SECONDS = 15
_OLD_RECORDS = 500
# Logged by gunicorn for a worker that does not answer, cannot start, or raises in a request.
_BAD_LINE = re.compile(r"CRITICAL|Exception in worker process|Error handling request")
_HOST_TROUBLES = [
    *["kill -9 worker"] * 4,
    *["kill -9 leader"] * 2,
    *["kill -9 while delivering"] * 3,
    *["SIGTERM worker", "SIGHUP", "reboot"],
]
_SETTINGS = {
    "export_interval_seconds": 0.25,
    "retry_seconds": 0.5,
    "retry_max_seconds": 2,
    "export_timeout_seconds": 10,
}


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Storm:
    """One storm, from the start of the servers to the check of the databases.

    Args:
        options: From the command line.
        folder: For all files.
    """

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._victims = random.Random(f"{options.seed} victims")
        self._limits = random.Random(f"{options.seed} limits")
        self._seconds = options.seconds - GRACE_SECONDS - 1  # the rest is without troubles
        kinds = [databases.SqliteFile, databases.Postgres, databases.Mysql]
        self._databases = [kind(folder) for kind in kinds + [databases.Mongo] * options.mongo]
        self._lanes = []

    def run(self):
        """Run the storm; return the evidence."""
        with contextlib.ExitStack() as stack:
            self._disk = Disk(self._folder / "disk")
            stack.callback(self._disk.close)
            size = (
                "own file system" if self._disk.is_own else "folder, no file system can be mounted"
            )
            say(f"journal         {size}")
            for database in self._databases:
                self._add(
                    stack, database.name, database, database.troubles, self._trouble(database)
                )
            self._await_ready()
            self._host = Host(
                self._folder, self._environment(), self._victims, self._options.workers
            )
            self._add(stack, "host", self._host, _HOST_TROUBLES, self._trouble_host)
            kinds = ["full", "limit"] if self._disk.is_own else ["limit", "limit"]
            disk = contextlib.nullcontext()
            self._add(stack, "disk", disk, kinds, self._trouble_disk)
            self._operator = operator.Operator(
                self._folder,
                self._environment(),
                {database.name: database for database in self._databases},
                random.Random(f"{self._options.seed} operator"),
            )
            for name, kinds in (("operator", operator.KINDS), ("copies", operator.COPIES)):
                self._add(stack, name, contextlib.nullcontext(), kinds, self._operator.act)
            self._await_ready()
            try:
                return self._measure()
            finally:
                if self._options.keep:
                    self._keep(self._options.keep)

    def _keep(self, target):
        shutil.copytree(self._disk.folder, target / "disk", dirs_exist_ok=True)
        for log in self._folder.glob("**/*log"):
            if log.is_file():
                shutil.copy(log, target / f"{log.parent.name}-{log.name}")

    def _add(self, stack, name, part, kinds, act):
        chance = random.Random(f"{self._options.seed} {name}")
        lane = chaos.Lane(name, part, chaos.plan(kinds, self._seconds, chance), act, self._seconds)
        stack.callback(lane.end)
        self._lanes.append(lane)
        lane.start()

    def _await_ready(self):
        for lane in self._lanes:
            lane.await_ready()

    def _environment(self):
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLASK_", "GUNICORN_"))}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")])),
            "TMPDIR": str(self._folder),
            "FLASK_CHEST_EXPORTERS": json.dumps({d.name: d.url for d in self._databases}),
            "FLASK_CHEST_JOURNAL": str(self._disk.folder / "chest"),
            **{f"FLASK_CHEST_{name.upper()}": str(value) for name, value in _SETTINGS.items()},
            # Small, so that kills hit more moments within and between batches: 50 at full rate.
            "FLASK_CHEST_BATCH_RECORDS": str(max(1, round(self._options.rate / 6))),
            sabotage.VARIABLE: self._options.sabotage or "",
        }

    # -- Troubles ------------------------------------------------------------------------------

    @staticmethod
    def _trouble(database):
        return lambda kind, seconds, wait: getattr(database, kind)(seconds, wait)

    def _trouble_host(self, kind, seconds, wait):
        del seconds, wait
        {
            "kill -9 worker": self._host.kill_worker,
            "kill -9 leader": self._host.kill_leader,
            "kill -9 while delivering": self._host.kill_delivering,
            "SIGTERM worker": self._host.recycle_worker,
            "SIGHUP": self._host.reload,
            "reboot": self._host.reboot,
        }[kind]()

    def _trouble_disk(self, kind, seconds, wait):
        if kind == "full":
            trouble = self._disk.full()
        else:
            trouble = self._disk.limited(self._host.workers, self._limits)
        with trouble:
            wait(seconds)

    # -- Stages ----------------------------------------------------------------------------------

    def _measure(self):
        evidence = Evidence()
        with Load(self._host.port, self._options.rate, self._options.seed) as load:
            for database in self._databases:
                until(lambda: _has_any(database), f"{database.name} has records")  # noqa: B023
            say(f"load            {self._options.rate:g} requests a second, records arrive")
            for database in self._databases:
                _plant(database)
            self._operator.load = load
            end = time.monotonic() + self._options.seconds
            for lane in self._lanes:
                lane.go()
            for lane in self._lanes:
                lane.await_done(self._seconds)
            # Beyond the grace after the last trouble, to see that records are kept again.
            time.sleep(max(end - time.monotonic(), GRACE_SECONDS + 1))
        evidence.answers, evidence.failures = load.answers, load.failures
        evidence.reconnects = load.reconnects
        self._finish(evidence)
        return evidence

    def _finish(self, evidence):
        """Stop gunicorn, deliver the rest, and collect the evidence."""
        code = self._host.stop()
        if code:
            evidence.errors.append(f"gunicorn ended with exit code {code}")
        log = (self._folder / "gunicorn.log").read_text("utf-8", "replace")
        evidence.errors += [line for line in log.splitlines() if _BAD_LINE.search(line)]
        self._drain(evidence)
        self._operator.finish()
        self._host.notes.close()
        evidence.dropped, evidence.counters = self._host.notes.dropped, self._host.notes.counters
        evidence.takeovers = self._host.takeovers
        for lane in self._lanes:
            evidence.troubles += lane.troubles
            evidence.left_out += lane.left_out
            evidence.planned |= {(lane.lane, kind) for _, kind, _ in lane.events}
        journal = self._disk.folder / "chest"
        evidence.stored = {d.name: d.request_ids() for d in self._databases}
        for database in self._databases:
            evidence.erased_in_database[database.name] = database.request_ids_of(ERASED)
        evidence.copied = databases.SqliteFile.at(self._operator.copy).request_ids()
        evidence.repeated, evidence.late = self._operator.failed, len(self._operator.left)
        evidence.host = json.loads(self._operator.until_done("status", "--json"))
        for path in journal.rglob("*"):
            if path.is_file() and ERASED.encode() in path.read_bytes():
                evidence.erased_in_files.append(path.name)
        evidence.segments = [path.name for path in (journal / "segments").iterdir()]
        for path in (journal / "dead-letter").iterdir():
            evidence.dead_letters += path.read_bytes().splitlines()
        if (journal / "damaged").is_dir():
            evidence.quarantined = {p.name: p.read_bytes() for p in (journal / "damaged").iterdir()}

    def _drain(self, evidence):
        command = dying_with_us(
            *(sys.executable, "-m", "flask", "--app", "tests.storm.app"),
            *("chest", "flush", "--timeout", str(_FLUSH_SECONDS)),
        )
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=8 * _FLUSH_SECONDS,
                check=False,
            )
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                evidence.errors.append(
                    f"records are left after {_DRAIN_SECONDS:g} s: {done.stdout}{done.stderr}"
                )
                return


def _plant(database):
    """Store records that are older than what is kept."""
    old = datetime.now(timezone.utc) - timedelta(days=100)
    records = [
        make_record(request_id=f"{OLD}{number}", started_at=old) for number in range(_OLD_RECORDS)
    ]
    store = open_store(database.url)
    try:
        store.export(make_batch(*records))
    finally:
        store.close()


def _has_any(database):
    with contextlib.suppress(Exception):  # the table may not be there yet
        return bool(database.request_ids())
    return False


def main():
    """Run the storm and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load and troubles")
    parser.add_argument("--seed", type=int, help="repeat the troubles of an earlier storm")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second, at most")
    parser.add_argument("--workers", type=int, default=4, help="processes that serve requests")
    parser.add_argument(
        "--mongo", action="store_true", help="deliver to a server of MongoDB's protocol, too"
    )
    parser.add_argument(
        "--sabotage",
        choices=sorted(sabotage.ALL),
        help="a bug to put into Flask-Chest; the storm must find it",
    )
    parser.add_argument("--keep", type=Path, help="folder for copies of the journal and the logs")
    options = parser.parse_args()
    enter_namespace()
    if options.seed is None:
        options.seed = random.randrange(10**6)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _not_raised
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="chest-storm-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # the servers run as another user
            tempfile.tempdir = name
            say(f"storm           seed {options.seed}, {options.seconds:g} s, in {folder}")
            verdict = Verdict(Storm(options, folder).run())
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    for line in verdict.report():
        say(line)
    say(f"took            {time.monotonic() - started:.0f} s")
    return 1 if verdict.faults else 0


def _interrupt(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough to clean up
    raise KeyboardInterrupt


def _not_raised(unraisable):
    """Interrupt again what was interrupted where nothing can be raised, as in a destructor."""
    sys.__unraisablehook__(unraisable)
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)


if __name__ == "__main__":
    sys.exit(main())

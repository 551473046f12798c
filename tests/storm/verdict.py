"""The outcome of the storm: its figures, and what breaks the promise."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.storm.client import CUSTOMERS_ROUTE, ERASED

OLD = "old-"
"""What the request IDs of records begin with that are to be purged."""

GRACE_SECONDS = 3.0
"""For so long after the disk has room again, records may still be dropped."""

_KILL_GRACE_SECONDS = 1.0
_COUNTED_LATE_SECONDS = 2.0  # counters are stored once a second, on a busy machine a little later,
# and not at all while the disk is full
_BATCH_RECORDS = 50
_DROPPED_BY_JOURNAL = ("disk_full", "journal", "journal_full")
_DISK_LANE, _HOST_LANE = "disk", "host"


@dataclass
class Evidence:
    """Everything that was observed.

    Attributes:
        answers: Complete responses.
        failures: Requests without one.
        dropped: Request ID, process and time of each record that was counted as dropped.
        counters: Counters of the processes that ended regularly.
        troubles: Troubles that happened.
        stored: Request IDs in each database, with repetitions.
        segments: Names of journal segments left after the last flush.
        dead_letters: Dead-lettered lines.
        quarantined: Content of the files in the quarantine, by name.
        planned: Lane and kind of all planned troubles.
        errors: Other errors, such as an exit code.
        reconnects: Connections that a client found closed.
        takeovers: Seconds without a leader, for each leader that was killed.
        copied: Request IDs in the copy of PostgreSQL.
        erased_in_database: Request IDs of the customer who was erased, by database.
        erased_in_files: Files of the journal that still name that customer.
        repeated: How many commands of the operator failed, and were repeated.
        left_out: How many troubles were left out, as their lane lagged behind the storm.
        late: How many of them succeeded after the storm alone.
        host: What `flask chest status --json` says in the end.
    """

    answers: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    counters: list = field(default_factory=list)
    troubles: list = field(default_factory=list)
    stored: dict = field(default_factory=dict)
    segments: list = field(default_factory=list)
    dead_letters: list = field(default_factory=list)
    quarantined: dict = field(default_factory=dict)
    planned: set = field(default_factory=set)
    errors: list = field(default_factory=list)
    reconnects: int = 0
    takeovers: list = field(default_factory=list)
    copied: list = field(default_factory=list)
    erased_in_database: dict = field(default_factory=dict)
    erased_in_files: list = field(default_factory=list)
    repeated: int = 0
    left_out: int = 0
    late: int = 0
    host: dict = field(default_factory=dict)


class Verdict:
    """Compares the evidence with the promise.

    Attributes:
        faults: What breaks the promise, one sentence each.
        lost: Request IDs that a client has, were not counted as dropped, and a database lacks.
        duplicated: Request IDs that a database has more than once.
    """

    def __init__(self, evidence):
        self.evidence = evidence
        self.counts = {name: Counter(ids) for name, ids in evidence.stored.items()}
        self.noted = {answer.request_id: answer for answer in evidence.answers}
        self.dropped = {request_id for request_id, _, _ in evidence.dropped}
        self.erased = {
            a.request_id
            for a in evidence.answers
            if (a.customer, a.route) == (ERASED, CUSTOMERS_ROUTE)
        }
        self.faults = list(evidence.errors)
        self._judge_records()
        self._judge_drops()
        self._judge_responses()
        self._judge_journal()
        self._judge_operator()
        self._judge_counters()
        happened = {(trouble.lane, trouble.kind) for trouble in evidence.troubles}
        self._fault(evidence.planned - happened, "troubles that were planned did not happen")

    def _fault(self, found, what):
        if found:
            some = ", ".join(str(one) for one in list(found)[:5])
            self.faults.append(f"{len(found)} {what}: {some}")

    def _judge_records(self):
        noted = self.evidence.answers
        twice = [request_id for request_id, n in _count(noted).items() if n > 1]
        self._fault(twice, "request IDs came with two responses")
        kept = self.noted.keys() - self.dropped - self.erased
        self.lost, self.duplicated = set(), set()
        everywhere = set().union(*self.counts.values())
        for name, counts in self.counts.items():
            lost = kept - counts.keys()
            duplicated = {request_id for request_id, n in counts.items() if n > 1}
            self._fault(self._described(lost), f"lost: noted by a client, not in {name}")
            self._fault(duplicated, f"duplicated in {name}")
            # What one database has was in the journal, so all must have it, even if no client
            # received the response.
            missing = everywhere - counts.keys() - lost
            self._fault(missing, f"records are in another database, not in {name}")
            self.lost |= lost
            self.duplicated |= duplicated
        if not everywhere:
            self.faults.append("nothing is in any database")

    def _described(self, request_ids):
        start = min((answer.began for answer in self.evidence.answers), default=0.0)
        lost = sorted((self.noted[request_id] for request_id in request_ids), key=_began)
        return [f"{a.request_id} ({a.route} at {a.began - start:.2f} s)" for a in lost]

    def _judge_drops(self):
        windows = [trouble for trouble in self.evidence.troubles if trouble.lane == _DISK_LANE]
        outside = [
            f"{request_id} at {at:.2f}"
            for request_id, _, at in self.evidence.dropped
            if not any(w.began <= at <= w.ended + GRACE_SECONDS for w in windows)
        ]
        self._fault(outside, "records dropped while the disk had room")
        for name, counts in self.counts.items():
            self._fault(self.dropped & counts.keys(), f"counted as dropped, yet stored in {name}")
        if windows:
            last = max(window.ended for window in windows) + GRACE_SECONDS
            after = [a for a in self.evidence.answers if a.began > last]
            if not any(answer.request_id not in self.dropped for answer in after):
                self.faults.append("nothing was recorded after the disk had room again")
        noted = Counter(pid for _, pid, _ in self.evidence.dropped)
        for process in self.evidence.counters:
            counted = sum(process["counted"].get(reason, 0) for reason in _DROPPED_BY_JOURNAL)
            if counted != noted[process["pid"]]:
                self.faults.append(
                    f"process {process['pid']} dropped {noted[process['pid']]} records, and "
                    f"chest.stats() has {process['counted']}"
                )
            if process["counted"].get("capture") or process["plugin_errors"]:
                self.faults.append(f"faults within Flask-Chest: {process}")
            refused = {name for name, e in process["exporters"].items() if e["rejected"]}
            if refused - {"postgres"} or any(e["dropped"] for e in process["exporters"].values()):
                self.faults.append(f"records refused or dropped on their way: {process}")

    def _judge_responses(self):
        kills = [trouble for trouble in self.evidence.troubles if trouble.lane == _HOST_LANE]
        self.interrupted, wrong = [], []
        for failure in self.evidence.failures:
            is_excused = not failure.is_final and any(
                kill.began - 0.5 <= failure.ended
                and failure.began <= kill.ended + _KILL_GRACE_SECONDS
                for kill in kills
            )
            (self.interrupted if is_excused else wrong).append(failure)
        self._fault(wrong, "requests failed though no process was killed or recycled")

    def _judge_journal(self):
        self._fault(self.evidence.segments, "segments are left though all is delivered")
        self._fault(self.evidence.dead_letters, "dead letters")
        whole = [
            name
            for name, content in self.evidence.quarantined.items()
            if not name.endswith(".reason") and ("@" not in name or _has_record(content))
        ]
        self._fault(whole, "quarantined parts that are more than half a line")

    def _judge_operator(self):
        evidence = self.evidence
        for name, found in evidence.erased_in_database.items():
            self._fault(found, f"records of the customer who was erased are in {name}")
        self._fault(evidence.erased_in_files, "files of the journal name the erased customer")
        for name, counts in self.counts.items():
            self._fault(self.erased & counts.keys(), f"erased, yet stored in {name}")
            old = [request_id for request_id in counts if request_id.startswith(OLD)]
            self._fault(old, f"purged, yet stored in {name}")
        copied = Counter(evidence.copied)
        source = self.counts.get("postgres", Counter())
        self._fault(source.keys() - copied.keys(), "records are in postgres, not in its copy")
        self._fault([one for one, n in copied.items() if n > 1], "duplicated in the copy")
        more = {one for one in copied.keys() - source.keys() if not one.startswith(OLD)}
        self._fault(more & self.noted.keys() - self.erased, "records are in the copy alone")

    def _judge_counters(self):
        """Compare the counters of the host with what clients and databases counted.

        A kill may cost a process what it counted in its last second, or since the disk is full,
        and may repeat a batch.
        """
        host = self.evidence.host
        kills = [t for t in self.evidence.troubles if t.lane == _HOST_LANE and "SIG" not in t.kind]
        uncounted = [(self._stored_before(kill.began), kill.ended) for kill in kills]
        late = sum(
            any(since <= a.began + a.seconds <= until for since, until in uncounted)
            for a in self.evidence.answers
        )
        kept = len(self.noted.keys() - self.dropped)
        unanswered = set().union(*self.counts.values()) - self.noted.keys()
        self._compare(
            "recorded", host["recorded"], kept - late, kept + len(unanswered) + len(self.erased)
        )
        dropped = sum(host["dropped"].get(reason, 0) for reason in _DROPPED_BY_JOURNAL)
        noted = [at for _, _, at in self.evidence.dropped]
        late_drops = sum(any(since <= at <= until for since, until in uncounted) for at in noted)
        self._compare("dropped", dropped, len(noted) - late_drops, len(noted))
        for name, counts in self.counts.items():
            self._compare(
                f"delivered to {name}",
                host["exporters"][name]["delivered"],
                len(counts) - late,
                len(counts)
                + len(self.erased)
                + (len(kills) + self.evidence.repeated + 1) * _BATCH_RECORDS,
            )

    def _stored_before(self, killed_at):
        """Return the moment before which the counters of a killed process were in its file."""
        stored = killed_at - _COUNTED_LATE_SECONDS
        windows = [t for t in self.evidence.troubles if (t.lane, t.kind) == (_DISK_LANE, "full")]
        for window in windows:
            if window.began <= killed_at and stored <= window.ended:
                stored = min(stored, window.began - _COUNTED_LATE_SECONDS)
        return stored

    def _compare(self, what, counted, least, most):
        if not least <= counted <= most:
            self.faults.append(f"the host counted {counted} {what}, and not {least} to {most}")

    # -- Figures ---------------------------------------------------------------------------------

    def report(self):
        """Yield lines with the figures and the faults."""
        evidence = self.evidence
        yield _line(
            "requests",
            f"{len(evidence.answers):,} answered, {len(self.noted):,} request IDs noted, "
            f"{len(self.interrupted)} interrupted by kills, {evidence.reconnects} connections "
            "found closed",
        )
        for lane, troubles in sorted(_by(evidence.troubles, "lane").items()):
            kinds = (
                f"{kind} {len(some)}"
                + (f" ({sum(t.seconds for t in some):.1f} s)" if lane != _HOST_LANE else "")
                for kind, some in sorted(_by(troubles, "kind").items())
            )
            yield _line(lane, ", ".join(kinds))
        if evidence.left_out:
            yield _line("left out", f"{evidence.left_out} troubles of lanes that lagged behind")
        if evidence.takeovers:
            low, high = min(evidence.takeovers), max(evidence.takeovers)
            yield _line(
                "took over", f"{len(evidence.takeovers)} times, after {low:.2f}-{high:.2f} s"
            )
        yield from self._full_windows()
        outages = [t for t in evidence.troubles if t.lane in self.counts]
        for text, is_down in (("all databases up", False), ("one or more down", True)):
            seconds = sorted(
                answer.seconds * 1000
                for answer in evidence.answers
                if answer.route == "/plain"
                and is_down == any(t.began <= answer.began <= t.ended for t in outages)
            )
            if seconds:
                p50, p99 = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
                yield _line("latency", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of /plain with {text}")
        yield _line("processes", f"{len(evidence.counters)} ended regularly; counters compared")
        half = [
            name for name in evidence.quarantined if "@" in name and not name.endswith(".reason")
        ]
        yield _line("half lines", f"{len(half)} quarantined")
        for name, counts in self.counts.items():
            unanswered = counts.keys() - self.noted.keys()
            yield _line(name, f"{counts.total():,} records, {len(unanswered)} without a response")
        yield _line("erased", f"{len(self.erased)} records of a customer, 500 old ones purged")
        yield _line("copied", f"{len(evidence.copied):,} records")
        repeated = f"{evidence.repeated} failed and were repeated"
        yield _line("commands", f"{repeated}, {evidence.late} to succeed after the storm")
        yield _line("counters", _counters(evidence.host))
        yield _line("lost", str(len(self.lost)))
        yield _line("duplicated", str(len(self.duplicated)))
        for fault in self.faults:
            yield _line("FAULT", fault)

    def _full_windows(self):
        for window in self.evidence.troubles:
            if window.lane == _DISK_LANE:
                times = [
                    at
                    for _, _, at in self.evidence.dropped
                    if window.began <= at <= window.ended + GRACE_SECONDS
                ]
                until = (
                    f", the last {max(times) - window.ended:+.2f} s from its end" if times else ""
                )
                yield _line(
                    f"disk {window.kind}",
                    f"{window.seconds:.1f} s: {len(times)} dropped and counted{until}",
                )


def _counters(host):
    delivered = ", ".join(
        f"{exporter['delivered']:,} delivered to {name}"
        for name, exporter in host["exporters"].items()
    )
    return f"{host['recorded']:,} recorded, {sum(host['dropped'].values())} dropped, {delivered}"


def _line(name, text):
    return f"{name:<16}{text}"


def _by(troubles, attribute):
    found = defaultdict(list)
    for trouble in troubles:
        found[getattr(trouble, attribute)].append(trouble)
    return found


def _began(answer):
    return answer.began


def _count(answers):
    return Counter(answer.request_id for answer in answers)


def _has_record(content):
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            return True
    return False

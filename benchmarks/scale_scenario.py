"""What a simulation of many hosts is about: costs, what happens, and what was seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Costs:
    """What a database and the process that delivers to it spend, as measured.

    Attributes:
        server_us: CPU of the server for a record, in microseconds.
        client_us: CPU of the leader for a record.
        batch_records: Most records in a batch.
        batch_ms: What a batch takes besides, as for its commit; no core is busy meanwhile.
        connect_ms: CPU of the server for a connection, with the look at the tables.
        rollup_us: CPU of the server to roll a record up; 0.0 for a store without rollups.
    """

    server_us: float
    client_us: float
    batch_records: int = 1_000
    batch_ms: float = 2.0
    connect_ms: float = 10.0
    rollup_us: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """What happens.

    Attributes:
        outages: When the database is down, from and until, in seconds.
        silent: Whether it does not answer then; else it refuses.
        slow: When its cores are slower, from and until, and by which factor.
        hosts: How many leaders there are.
        records_per_second: Of each host.
        cores: Of the database.
        seconds: How long it is simulated.
        keepers: How many leaders compute rollups.
        jitter: Whether pauses are random. Without it, each is as long as its ceiling.
        interval_seconds: CHEST_EXPORT_INTERVAL_SECONDS.
        retry_max_seconds: CHEST_RETRY_MAX_SECONDS.
        timeout_seconds: After which a batch counts as failed, and the server cancels it.
        connect_timeout_seconds: The same for a connection.
        start_seconds: Hosts start within so many seconds.
    """

    outages: tuple[tuple[float, float], ...] = ()
    silent: bool = False
    slow: tuple[float, float, float] | None = None
    hosts: int = 50
    records_per_second: float = 1e9 / 86_400 / 50
    cores: int = 8
    seconds: float = 2 * 3_600.0
    keepers: int = 1
    jitter: bool = True
    interval_seconds: float = 5.0
    retry_max_seconds: float = 60.0
    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0
    start_seconds: float = 5.0


@dataclass
class Outcome:
    """What was seen.

    Attributes:
        attempts: Connections that were tried, by second.
        failures: Attempts and batches that failed, by second.
        most_at_once: Most batches at the database at once.
        longest_batch: Seconds of the longest batch that arrived.
        drained: When no host had more than an interval's records, for the first time after the
            last outage; None when that did not come.
        returned: By second, hosts whose first batch after the last outage arrived.
        most_waiting: Most records that waited in one host.
        busy: Core seconds of the database, for records, connections and rollups.
        lost_work: Core seconds for what was thrown away.
        arrived: Records that arrived.
    """

    attempts: Counter[int] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    most_at_once: int = 0
    longest_batch: float = 0.0
    drained: float | None = None
    returned: Counter[int] = field(default_factory=Counter)
    most_waiting: float = 0.0
    busy: dict[str, float] = field(default_factory=dict)
    lost_work: float = 0.0
    arrived: int = 0

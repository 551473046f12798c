"""The limits above which `flask chest check` alerts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flask_chest.cli import amounts
from flask_chest.cli.exits import way
from flask_chest.cli.findings import Found
from flask_chest.cli.options import Amount

if TYPE_CHECKING:
    from flask_chest.runtime.counters import ExporterStats, Stats

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Limits:
    """What is still accepted; None where that is not asked.

    Attributes:
        max_lag: Seconds that the oldest waiting record of an exporter may be old.
        max_dropped: Records that may be dropped, for any reason and exporter.
        max_error_rate: Share of the records given to an exporter that it refused or never got,
            from 0 to 1.
        max_dead_letters: Records that one exporter may have among its dead letters now.
    """

    max_lag: float | None = None
    max_dropped: int | None = None
    max_error_rate: float | None = None
    max_dead_letters: int | None = None

    def exceeded(
        self, now: Stats, before: Mapping[str, Any], failing: Collection[str] = ()
    ) -> Iterator[Found]:
        """Yield an error for each limit that is exceeded.

        Args:
            now: The counters of the host.
            before: Those of the run before, as `counted` gave them. Only what came since counts;
                all of it where the counters have begun anew.
            failing: Names of the exporters that cannot deliver now.
        """
        new = _since(counted(now), before)
        dropped = new["dropped"] + sum(new[f"dropped {name}"] for name in now.exporters)
        if self.max_dropped is not None and dropped > self.max_dropped:
            reasons = dict(now.dropped)
            for name, exporter in now.exporters.items():
                reasons |= {f"{reason} ({name})": n for reason, n in exporter.dropped.items()}
            yield Found(
                "error",
                "dropped",
                "",
                f"{amounts.records(dropped)}, above {self.max_dropped}. Ever: "
                f"{amounts.by_reason(reasons)}",
                "Make room on the disk of the journal, or repair the database",
            )
        for name, exporter in now.exporters.items():
            yield from self._of_exporter(name, exporter, new, is_failing=name in failing)

    def _of_exporter(
        self, name: str, stats: ExporterStats, new: Mapping[str, int], *, is_failing: bool
    ) -> Iterator[Found]:
        if self.max_lag is not None and stats.lag_seconds > self.max_lag:
            text = f"{amounts.span(stats.lag_seconds)}, above {self.max_lag:g} s"
            remedy = f"{amounts.records(stats.pending_records)} wait"
            if not is_failing:
                remedy += f". Deliver now: {way('flush')}"
            yield Found("error", name, "lag", text, remedy)
        if self.max_dead_letters is not None and stats.dead_letters > self.max_dead_letters:
            text = f"{stats.dead_letters:,}, above {self.max_dead_letters:,}"
            remedy = f"Look at them: {way('dead-letter list', exporters=[name])}"
            yield Found("error", name, "dead letters", text, remedy)
        failed = new[f"failed {name}"]
        total = failed + new[f"delivered {name}"]
        if self.max_error_rate is not None and total and failed / total > self.max_error_rate:
            text = (
                f"{failed / total:.3%} of {amounts.records(total)}, above {self.max_error_rate:.3%}"
            )
            yield Found(
                "error", name, "error rate", text, "See its last error and its dead letters"
            )


def counted(stats: Stats) -> dict[str, int]:
    """Return what the limits of a later run are compared with."""
    found = {"dropped": sum(stats.dropped.values())}
    for name, exporter in stats.exporters.items():
        dropped = found[f"dropped {name}"] = sum(exporter.dropped.values())
        found[f"failed {name}"] = dropped + exporter.rejected
        found[f"delivered {name}"] = exporter.delivered
    return found


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return what was counted since. The counters of a host begin anew with another journal."""
    if any(number < before.get(key, 0) for key, number in now.items()):
        return dict(now)
    return {key: number - before.get(key, 0) for key, number in now.items()}


def options(function: _Function) -> _Function:
    """Give a command the options of the limits."""
    for option in reversed(
        (
            click.option(
                "--max-lag",
                type=Amount(min=0),
                metavar="SECONDS",
                help="Alert when a record waits longer than this.",
            ),
            click.option(
                "--max-dropped",
                type=click.IntRange(min=0),
                metavar="RECORDS",
                help="Alert when more records than this were dropped.",
            ),
            click.option(
                "--max-error-rate",
                type=Amount(min=0, max=1),
                metavar="SHARE",
                help="Alert when an exporter refused or never got more than this share (0 to 1).",
            ),
            click.option(
                "--max-dead-letters",
                type=click.IntRange(min=0),
                metavar="RECORDS",
                help="Alert when an exporter has more dead letters than this.",
            ),
            click.option(
                "--since-last",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Count drops and errors from the run before, which FILE remembers.",
            ),
        )
    ):
        function = option(function)
    return function

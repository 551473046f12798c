"""`Fact`: a number of `chest.stats()`, with what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask_chest import ExporterStats, Stats

_MOST_PARTS: Final = 50
"""Parts of one number that are shown; names that were masked may be a thousand."""

_LOST: Final = {
    "disk_full": "The disk was full. Make room on the disk of the journal.",
    "journal": "The journal could not be written, or somebody deleted its files. The log says why.",
    "journal_full": (
        "The journal had reached CHEST_JOURNAL_MAX_BYTES. Raise it, or mend the database that is "
        "behind."
    ),
    "memory_full": (
        "More waited in memory than CHEST_JOURNAL_MAX_BYTES allows. Raise it, or give the journal "
        "a folder."
    ),
    "capture": "A fault in capture itself. The log names the place: please report it.",
    "torn": (
        "Half a line that a killed process left; its client had no answer. Nothing is to be done "
        "after a kill or a power cut."
    ),
    "damaged": (
        "A whole file that cannot be read; it is in the folder damaged of the journal. Check the "
        "disk."
    ),
    "dead_letters_full": (
        "A refused record, when there was no more room for dead letters. Retry or drop those that "
        "are there."
    ),
    "malformed": (
        "A line that is no record; it is in the folder damaged of the journal. Find out who writes "
        "into the journal."
    ),
}

_EXCLUDED: Final = {
    "path": "By CHEST_EXCLUDE_PATHS.",
    "status": "By CHEST_EXCLUDE_STATUS.",
    "hook": "By the hook chest_drop_record of a plugin.",
}


@dataclass(frozen=True)
class Part:
    """A part of a number, such as one reason.

    Attributes:
        name: Of the part.
        number: How many.
        meaning: A sentence or two; empty where the name says it.
    """

    name: str
    number: int
    meaning: str = ""


@dataclass(frozen=True)
class Fact:
    """A number and its meaning.

    Attributes:
        title: What is counted.
        number: How many.
        meaning: What that is, in one sentence.
        remedy: What to do when the number is not zero; empty for what is as it should be.
        is_bad: Whether something is wrong when it is not zero.
        parts: The same by reason or name, the largest first.
        left_out: How many more parts there are.
    """

    title: str
    number: int
    meaning: str
    remedy: str = ""
    is_bad: bool = False
    parts: tuple[Part, ...] = ()
    left_out: int = 0


def _split(
    title: str,
    numbers: Mapping[str, int],
    meaning: str,
    remedy: str,
    *,
    meanings: Mapping[str, str] | None = None,
    is_bad: bool = False,
) -> Fact:
    """Return a fact with its parts, those that are zero left out."""
    known = meanings or {}
    parts = [Part(name, number, known.get(name, "")) for name, number in numbers.items() if number]
    parts.sort(key=lambda part: (-part.number, part.name))
    return Fact(
        title,
        sum(part.number for part in parts),
        meaning,
        remedy,
        is_bad=is_bad,
        parts=tuple(parts[:_MOST_PARTS]),
        left_out=max(0, len(parts) - _MOST_PARTS),
    )


def of_capture(stats: Stats) -> list[Fact]:
    """Return what was counted between the requests and the journal."""
    return [
        Fact("Recorded", stats.recorded, "Records of requests and jobs that the journal took."),
        _split(
            "Lost",
            stats.dropped,
            "Records that no exporter gets.",
            "See each reason.",
            meanings=_LOST,
            is_bad=True,
        ),
        Fact(
            "Sampled out",
            stats.sampled_out,
            "Requests and jobs that CHEST_SAMPLE_RATE or CHEST_MAX_RECORDS_PER_SECOND left out. "
            "Sums and counts stay right: the others weigh more.",
            "Nothing is to be done, unless you miss single requests: then raise these settings.",
        ),
        _split(
            "Excluded",
            stats.excluded,
            "Tracked requests that a setting or a plugin keeps out of the records.",
            "Nothing is to be done, unless you miss requests: then look at the reason.",
            meanings=_EXCLUDED,
        ),
        Fact(
            "Suppressed",
            stats.suppressed,
            "Requests and jobs that the application does not want recorded: by drop_request(), "
            "Job.drop(), suppressed() or CHEST_OPT_OUT.",
            "Nothing is to be done.",
        ),
        _split(
            "Masked",
            stats.redacted,
            "Values that were masked, hashed or left out, as CHEST_REDACT_WITH says, by the name "
            "of the variable, since the name or the value looks like a secret.",
            "Look for names that are no secret: name such a variable in the decorator, or write "
            "!name into CHEST_REDACT_KEYS.",
        ),
        Fact(
            "Skipped values",
            stats.variables_skipped,
            "Values that a pattern matched and that are no data, such as a connection or a "
            "generator. The rest of the record was stored.",
            "Exclude them where the patterns are: !name.",
        ),
        Fact(
            "Request IDs replaced",
            stats.request_ids_replaced,
            "Request IDs that could not be used, from a generator, a plugin or a header. A new one "
            "was made.",
            "The log says which source it was.",
        ),
        Fact(
            "Capture errors",
            stats.capture_errors,
            "Faults in capture itself, and exceptions of CHEST_KEEP_IF. The requests were answered "
            "all the same.",
            "The log names the place: mend CHEST_KEEP_IF, or report the fault.",
            is_bad=True,
        ),
        _split(
            "Plugin errors",
            stats.plugin_errors,
            "Exceptions of plugins, and of receivers of signals. The requests were answered all "
            "the same.",
            "The log names the place. CHEST_BLOCK_PLUGINS switches a plugin off.",
            is_bad=True,
        ),
    ]


def of_exporter(stats: ExporterStats) -> list[Fact]:
    """Return what was counted between the journal and the database of one exporter."""
    return [
        Fact("Delivered", stats.delivered, "Records that the database has stored."),
        Fact(
            "Failures",
            stats.failures,
            "Attempts to deliver that failed. The records waited in the journal, and none was lost "
            "by that.",
            "Nothing is to be done once it delivers again.",
        ),
        Fact(
            "Refused",
            stats.rejected,
            "Records that the database did not take, as their data does not fit. They became dead "
            "letters.",
            "Look at the dead letters below.",
            is_bad=True,
        ),
        _split(
            "Lost",
            stats.dropped,
            "Records that were lost before this exporter had them.",
            "See each reason.",
            meanings=_LOST,
            is_bad=True,
        ),
        Fact(
            "Deleted by retention",
            stats.purged,
            "Records that were older than the retention of this exporter.",
            "Nothing is to be done: CHEST_RETENTION says how old.",
        ),
    ]

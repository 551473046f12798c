"""Signals of blinker, which Flask brings: connect a function to hear of faults and of their end.

    from flask_chest import signals


    @signals.exporter_failing.connect_via(app)
    def page(app, exporter, error, **_):
        send_to_pager(f"{app.name}: {exporter} cannot deliver: {error}")

The sender is the Flask application; its name, when the application has been collected already.
Take further keyword arguments, as later versions may send more.

Every process sends its own. A receiver is called in an exporter's thread, outside of any request
and application context. What it raises is counted in `chest.stats().plugin_errors` and logged. It
counts towards CHEST_EXPORT_TIMEOUT_SECONDS, so it must not wait for long. It is a plain function.
"""

from __future__ import annotations

from typing import Final

from blinker import NamedSignal, Namespace

__all__ = [
    "drops_ended",
    "exporter_failing",
    "exporter_recovered",
    "records_dropped",
]

_signals: Final = Namespace()

exporter_failing: Final[NamedSignal] = _signals.signal(
    "chest-exporter-failing",
    doc="""Sent after the first of several failures in a row. The records wait for a retry.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        error: The exception, as `chest_export_failed` gets it. Its text may quote a record.
    """,
)

exporter_recovered: Final[NamedSignal] = _signals.signal(
    "chest-exporter-recovered",
    doc="""Sent when an exporter that was failing has delivered again.

    Args:
        exporter: The exporter's name in CHEST_EXPORTERS.
        seconds: Since the first failure.
    """,
)

records_dropped: Final[NamedSignal] = _signals.signal(
    "chest-records-dropped",
    doc="""Sent when records are dropped, and none had been for a minute.

    Args:
        dropped: How many were lost to all exporters, by the reasons of `chest.stats().dropped`.
        exporters: How many were lost to one exporter: its name to a dict by reason.
    """,
)

drops_ended: Final[NamedSignal] = _signals.signal(
    "chest-drops-ended",
    doc="""Sent when no record has been dropped for a minute.

    Args:
        dropped: How many were lost to all exporters since `records_dropped`, by reason.
        exporters: How many were lost to one exporter since then: its name to a dict by reason.
        seconds: Between the first and the last of these drops, as they were noticed.
    """,
)

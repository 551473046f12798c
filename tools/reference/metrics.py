"""The metrics of the monitor, and the signals of the core."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from flask_chest_monitor.metrics import METRICS, WRITABLE, ChestMetric

from flask_chest import signals
from tools.reference import public
from tools.reference.blocks import table


def metrics() -> dict[str, Callable[[], str]]:
    """Return what makes the table of metrics."""
    return {"metrics": _metrics}


def sent() -> dict[str, Callable[[], str]]:
    """Return what makes the list of signals."""
    return {"signals": _signals}


def _metrics() -> str:
    rows = [
        (
            f"`{_exported(each)}`",
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels),
            each.text,
        )
        for each in METRICS
    ]
    name, text = WRITABLE
    rows.append((f"`{name}`", "gauge", "", text))
    return table(("metric", "kind", "labels", "meaning"), sorted(rows))


def _exported(metric: ChestMetric) -> str:
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


def _signals() -> str:
    parts = []
    for name in public.names("flask_chest.signals"):
        text = inspect.cleandoc(getattr(signals, name).__doc__)
        said, _, arguments = text.partition("\n\nArgs:\n")
        if not arguments:
            raise ValueError(f"flask_chest.signals.{name} does not say what it sends")
        parts += [f"## `{name}`", " ".join(said.split())]
        rows: list[tuple[str, str]] = []
        for line in inspect.cleandoc(arguments).splitlines():
            if line.startswith(" "):
                rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
            else:
                argument, _, meaning = line.partition(": ")
                rows.append((f"`{argument}`", meaning))
        parts.append(table(("argument", "meaning"), rows))
    return "\n\n".join(parts)

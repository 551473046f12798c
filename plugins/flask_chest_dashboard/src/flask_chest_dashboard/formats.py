"""How numbers, times and values are written on a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

from markupsafe import Markup

from flask_chest_dashboard.texts import MISSING, in_one_line, visible

_BREAKS: Final = re.compile(r"(?<=[/_(])(?=[^/_(])|(?<=[a-z]\.)(?=[A-Za-z])")


def number(value: float | None) -> str:
    """Return a number as 1,234, 12.3 or 0.0123; a dash for None."""
    if value is None:
        return MISSING
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1e15 else f"{value:,.0f}"


def duration(milliseconds: float | None) -> str:
    """Return a duration as 950 µs, 12.3 ms, 1.25 s, 3.0 min or 5 h 21 min; a dash for None."""
    if milliseconds is None:
        return MISSING
    if milliseconds < 1:
        return f"{milliseconds * 1_000:.0f} µs"
    if milliseconds < 1_000:
        return f"{milliseconds:.3g} ms"
    seconds = milliseconds / 1_000
    if seconds < 3_570:
        return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.1f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3_600), 24)
    return f"{days:,} days {hours} h" if hours else f"{days:,} days"


def share(value: float | None) -> str:
    """Return a share as 12.3 %; a dash for None."""
    if value is None:
        return MISSING
    percent = value * 100
    return f"{percent:.3g} %" if percent < 99.95 or percent == 100 else f"{percent:.2f} %"


def size(value: float) -> str:
    """Return a number of bytes as 12.3 KiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1_024:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1_024
    return f"{value:,.2f} GiB"


def seconds(value: float) -> str:
    """Return a number of seconds as 12 s, 3 min, 4.5 h or 2 days."""
    if value < 120:
        return f"{value:.0f} s"
    if value < 7_200:
        return f"{value / 60:.0f} min"
    return f"{value / 3_600:.1f} h" if value < 172_800 else f"{value / 86_400:.0f} days"


def clock(moment: datetime, zone: tzinfo, *, is_whole: bool = True) -> str:
    """Return a time in a zone: 2026-01-31 12:00:00.123, or without what is less than a minute."""
    local = moment.astimezone(zone)
    if not is_whole:
        return local.strftime("%Y-%m-%d %H:%M")
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1_000:03d}"


def brief(moment: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Return a time in a zone in few characters: 12:00:00, and the date where it is not today's.

    Args:
        moment: The time.
        zone: The zone.
        now: An aware datetime; None for the present.
    """
    local = moment.astimezone(zone)
    now = datetime.now(zone) if now is None else now.astimezone(zone)
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%m-%d %H:%M:%S}" if local.year == now.year else f"{local:%Y-%m-%d %H:%M}"


def with_breaks(text: str) -> Markup:
    """Return a text that may be broken behind slashes, underscores and the dots of names."""
    return Markup("<wbr>").join(_BREAKS.split(visible(text)))


def class_name(qualified: str) -> str:
    """Return the last part of a qualified name, such as that of an error."""
    parts = qualified.split(".")
    return parts[-1] if all(map(str.isidentifier, parts)) else qualified


def value(found: object) -> str:
    """Return any value of a record as a text in one line: the beginning of a long one."""
    return in_one_line(found)


UNITS: Final[dict[str, Callable[[Any], str]]] = {
    "count": number,
    "ms": duration,
    "share": share,
}
"""How a number is written, by its unit."""


def unit_of(measure: str) -> str:
    """Return the unit of a measure: ``ms``, ``share`` or ``count``."""
    if measure == "error_rate" or measure.startswith("share("):
        return "share"
    is_of_value = measure.startswith(("p", "min(", "max(", "mean(", "sum("))
    return "ms" if is_of_value and measure.endswith("duration_ms)") else "count"


def amount(found: object, unit: str) -> str:
    """Return what a measure has found, in its unit; it may be a text, as of `top`."""
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return UNITS[unit](found)
    return value(found)


def exact(found: object, unit: str) -> str:
    """Return a number as it was found, where `amount` rounds it; else nothing."""
    if isinstance(found, bool) or not isinstance(found, (int, float)) or abs(found) >= 1e15:
        return ""
    text = f"{found * 100 if unit == 'share' else found:,.15g}{_BEHIND[unit]}"
    return "" if text == amount(found, unit) else text


_BEHIND: Final = {"count": "", "ms": " ms", "share": " %"}

FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "number": number,
    "duration": duration,
    "share": share,
    "size": size,
    "seconds": seconds,
    "clock": clock,
    "brief": brief,
    "class_name": class_name,
    "with_breaks": with_breaks,
    "value": value,
    "amount": amount,
    "exact": exact,
    "unit_of": unit_of,
}
"""The filters of the templates."""

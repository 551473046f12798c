"""A line as small as a word."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH = 120
HEIGHT = 24


def sparkline(values: Sequence[float | None], title: str) -> Markup:
    """Return a line through values, the lowest of which is at least 0; gaps where one is None.

    Args:
        values: From left to right.
        title: What it shows, for those who hear it.
    """
    most = max((each for each in values if each is not None), default=0) or 1
    step = WIDTH / max(len(values) - 1, 1)
    parts: list[str] = []
    is_open = False
    for place, each in enumerate(values):
        if each is None:
            is_open = False
            continue
        y = HEIGHT - 2 - max(each, 0) / most * (HEIGHT - 4)
        parts.append(f"{'L' if is_open else 'M'}{place * step:.1f} {y:.1f}")
        if not is_open and (place + 1 == len(values) or values[place + 1] is None):
            parts.append("h1")  # one value alone is a point
        is_open = True
    return Markup(
        '<svg class="sparkline" viewBox="0 0 {} {}" role="img" aria-label="{}" '
        'preserveAspectRatio="none"><path d="{}"/></svg>'
    ).format(WIDTH, HEIGHT, title, "".join(parts))

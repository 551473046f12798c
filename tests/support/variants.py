"""Which variants of a parametrized test a shorter run leaves out."""

from __future__ import annotations

import re

_NAMES = re.compile(
    "sqlite|postgres|mysql|mongo|clickhouse|lake|otlp|gunicorn|gevent|uwsgi|waitress|hypercorn",
    re.IGNORECASE,
)


def further_variants(items):
    """Return the variants that differ in data alone from one before, of tests that open something.

    Variants for different stores or servers are all kept, and so are those of tests that open
    nothing, which take a few milliseconds each.
    """
    seen, further = set(), set()
    for item in items:
        if item.get_closest_marker("opens_nothing"):
            continue
        test, _, variant = item.nodeid.partition("[")
        kind = test, frozenset(_NAMES.findall(variant.lower()))
        if kind in seen:
            further.add(item)
        seen.add(kind)
    return further

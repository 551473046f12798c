"""What a shell offers while a command line is typed. Nothing is asked of a database."""

from __future__ import annotations

import re
from typing import Final

import click
from flask.cli import ScriptInfo

from flask_chest.query.nodes import FIELDS

_PLAIN: Final = ("count", "errors", "error_rate", "rate")
_FUNCTIONS: Final = (
    *("sum", "mean", "min", "max", "p50", "p90", "p95", "p99"),
    *("histogram", "distinct", "top"),
)
_LAST_WORD: Final = re.compile(r"(.*?)([A-Za-z_]\w*)?", re.DOTALL)


def exporters(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the exporters of the application, or of those given by `--store`."""
    root = ctx.find_root()
    known = root.params.get("store") or {}
    if isinstance(root.obj, ScriptInfo):  # whose application was loaded to find our group
        known = root.obj.load_app().extensions["flask_chest"].exporters
    return sorted(name for name in known if name.startswith(incomplete))


def names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the fields for the last of the names, which have commas between."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{field}" for field in FIELDS if field.startswith(last)]


def filters(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the filter with each field that its last word may become."""
    found = _LAST_WORD.fullmatch(incomplete)
    if found is None:
        return []
    before, word = found[1], found[2] or ""
    if before[-1:] in {"'", '"', "."} or (not word and before.rstrip()):
        return []
    return [f"{before}{field}" for field in FIELDS if field.startswith(word)]


def measures(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the measures, and the fields within the brackets of one."""
    function, bracket, name = incomplete.partition("(")
    if bracket:
        return [f"{function}({field})" for field in FIELDS if field.startswith(name)]
    known = [*_PLAIN, *(f"{each}(duration_ms)" for each in _FUNCTIONS)]
    return [each for each in known if each.startswith(incomplete)]

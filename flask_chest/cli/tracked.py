"""Which endpoints leave records, for `flask chest check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask_chest.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.capture.rules import Rules


class Endpoints(NamedTuple):
    """The endpoints of an application, without those that are excluded and those of files.

    Attributes:
        tracked: Those whose requests are recorded, for one method at least.
        untracked: The others.
    """

    tracked: list[str]
    untracked: list[str]


def endpoints(app: Flask, rules: Rules) -> Endpoints:
    """Return the endpoints of an application, each by its name.

    Args:
        app: Its context is active.
        rules: Say what is tracked.
    """
    found: dict[str, bool] = {}
    for url_rule in app.url_map.iter_rules():
        name = url_rule.endpoint
        if name.rpartition(".")[2] == "static" or rules.excludes(name):
            continue
        methods = url_rule.methods or ()
        found[name] = found.get(name, False) or any(_is_tracked(rules, name, m) for m in methods)
    return Endpoints(
        sorted(name for name, is_tracked in found.items() if is_tracked),
        sorted(name for name, is_tracked in found.items() if not is_tracked),
    )


def _is_tracked(rules: Rules, endpoint: str, method: str) -> bool:
    try:
        return rules.plan(endpoint, method) is not None
    except ConfigurationError:  # said elsewhere
        return False

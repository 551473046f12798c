"""What a route names and will not get, for `flask chest check`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask_chest.errors import ConfigurationError
from flask_chest.redaction import STRONG

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.capture.rules import Rules
    from flask_chest.redaction import SecretKeys


def masked_names(app: Flask, rules: Rules, keys: SecretKeys) -> Iterator[tuple[str, list[str]]]:
    """Yield each name that is masked although a route lists it, with the places that list it.

    Args:
        app: Whose routes are looked at. Its context is active.
        rules: Give what is taken from a route.
        keys: Decides which keys are secret.
    """
    found: dict[str, dict[str, None]] = {}
    for url_rule in app.url_map.iter_rules():
        for method in sorted(url_rule.methods or ()):
            try:
                plan = rules.plan(url_rule.endpoint, method)
            except ConfigurationError:  # said elsewhere
                continue
            for name in plan.patterns.names if plan is not None else ():
                is_fact = name in plan.patterns.facts if plan is not None else False
                verdict = keys.verdict_of_fact(name) if is_fact else keys.verdict(name)
                if verdict == STRONG and not keys.is_own(name):
                    found.setdefault(name, {})[url_rule.rule] = None
    for name, places in found.items():
        yield name, list(places)

"""The environment of the templates: all that they write shows, and is escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from flask_chest.errors import mask_secrets
from flask_chest_dashboard.formats import FILTERS
from flask_chest_dashboard.texts import visible


def environment() -> Environment:
    """Return a new one of our own: the application's has filters and templates of its own.

    Each text that a template writes is `visible`. What a form sends back, or a script copies, has
    the filter `as_is`, so that it stays the same.
    """
    found = Environment(
        loader=PackageLoader("flask_chest_dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(FILTERS, masked=mask_secrets, as_is=_as_is)
    return found


def _shown(found: object) -> object:
    """Return what is written: markup is made of texts that are visible already."""
    return visible(found) if isinstance(found, str) and not isinstance(found, Markup) else found


def _as_is(found: object) -> Markup:
    return escape(found)

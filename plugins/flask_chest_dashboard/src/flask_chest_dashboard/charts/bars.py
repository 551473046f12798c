"""Bars as wide as a cell of a table."""

from __future__ import annotations

from markupsafe import Markup


def bar(value: object, most: float) -> Markup:
    """Return a bar; none for what is no number above 0.

    Args:
        value: Its length.
        most: That of the longest.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0 or most <= 0:
        return Markup("")
    return Markup(
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="8" rx="1"/></svg>'
    ).format(f"{max(value / most * 100, 0.5):.1f}")


def two_shares(share: float, other: float) -> Markup:
    """Return two bars, one above the other, that are whole for a share of 1."""
    return Markup(
        '<svg class="meter two" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="one" width="{}" height="6"/><rect class="other" y="8" width="{}" height="6"/>'
        "</svg>"
    ).format(f"{share * 100:.1f}", f"{other * 100:.1f}")

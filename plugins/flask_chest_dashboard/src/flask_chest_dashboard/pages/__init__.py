"""The pages of the dashboard, a module each. Each has a function `add` that adds its views."""

from typing import Final

PAGES: Final = (
    "overview",
    "found",
    "explore",
    "route",
    "requests",
    "record",
    "delivery",
    "letters",
    "saved",
    "login",
)
"""The modules."""

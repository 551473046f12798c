"""Redaction: find secrets by key and in texts, and replace them."""

from flask_chest.redaction.budget import (
    PATH_STEPS,
    SEARCH_STEPS,
    VALUE_STEPS,
    Budget,
)
from flask_chest.redaction.keys import PLAIN, STRONG, WEAK, SecretKeys
from flask_chest.redaction.redactor import (
    DEFAULT_VALUES,
    DROPPED,
    MASK,
    MAX_NUMBER,
    Redactor,
    RedactWith,
    SecretKind,
)

__all__ = [
    "DEFAULT_VALUES",
    "DROPPED",
    "MASK",
    "MAX_NUMBER",
    "PATH_STEPS",
    "PLAIN",
    "SEARCH_STEPS",
    "STRONG",
    "VALUE_STEPS",
    "WEAK",
    "Budget",
    "RedactWith",
    "Redactor",
    "SecretKeys",
    "SecretKind",
]

"""Redaction: find secrets by key and in texts, and replace them."""

from flask_chest.redaction.budget import (
    PATH_STEPS,
    SEARCH_STEPS,
    VALUE_STEPS,
    Budget,
)
from flask_chest.redaction.keys import PLAIN, STRONG, WEAK, SecretKeys
from flask_chest.redaction.kinds import KINDS, SecretKinds
from flask_chest.redaction.redactor import (
    DROPPED,
    MASK,
    MAX_NUMBER,
    Redactor,
    RedactWith,
)

__all__ = [
    "DROPPED",
    "KINDS",
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
    "SecretKinds",
]

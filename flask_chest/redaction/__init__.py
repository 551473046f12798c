"""Redaction: find secrets by key and in texts, and replace them."""

from flask_chest.redaction.keys import DEFAULT_KEYS, PLAIN, SECRET, SecretKeys
from flask_chest.redaction.redactor import DROPPED, MAX_NUMBER, Redactor, RedactWith
from flask_chest.redaction.texts import DEFAULT_VALUES, SecretKind

__all__ = [
    "DEFAULT_KEYS",
    "DEFAULT_VALUES",
    "DROPPED",
    "MAX_NUMBER",
    "PLAIN",
    "SECRET",
    "RedactWith",
    "Redactor",
    "SecretKeys",
    "SecretKind",
]

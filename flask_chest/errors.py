"""The errors of Flask-Chest. Each says what happened, where, and the remedy."""

from __future__ import annotations


class ChestError(Exception):
    """Base of every error that Flask-Chest raises."""


class ConfigurationError(ChestError):
    """A setting, plugin or decorator is wrong and the application should not start with it.

    Attributes:
        setting: Name of the setting at fault, such as ``CHEST_EXPORTERS``; None when the fault
            is not in a setting.
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class SchemaMismatch(ConfigurationError):
    """The database holds a newer schema than this version writes, or one of somebody else."""


class ExporterUnavailable(ChestError):
    """The database cannot take records now. The batch stays in the journal and is tried again."""


class BatchRejected(ChestError):
    """The database refuses the data itself.

    The core halves the batch until the records at fault are found, sets those aside and delivers
    the others.
    """

"""What `flask chest check` looks at, a module for each subject."""

from flask_chest.cli.findings.found import Found

__all__ = ["Found"]

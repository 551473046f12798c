"""`flask chest dashboard`."""

from __future__ import annotations

import hashlib
import sys
from typing import Final

import click
from werkzeug.security import generate_password_hash

from flask_chest_dashboard.session import LONGEST_PASSWORD

_SHORTEST: Final = 8


@click.group()
def dashboard() -> None:
    """Set up the dashboard."""


@dashboard.command("hash-password")
def hash_password() -> None:
    """Print the hash of a password, for CHEST_DASHBOARD_PASSWORD_HASH.

    It asks for the password twice, and shows neither. When the input is no terminal, it reads the
    password from its first line.
    """
    is_asked = sys.stdin.isatty()
    if is_asked:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not _SHORTEST <= len(password) <= LONGEST_PASSWORD:
        raise click.ClickException(
            f"The password has {len(password)} characters. Choose one of {_SHORTEST} to "
            f"{LONGEST_PASSWORD:,}"
        )
    method = "scrypt" if hasattr(hashlib, "scrypt") else "pbkdf2"
    click.echo(generate_password_hash(password, method))
    if is_asked and sys.stdout.isatty():  # else it goes into a file, not into a shell
        click.echo("It has $ in it: in a shell, put it between single quotes.", err=True)

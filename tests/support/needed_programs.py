"""Programs that no Python package has and only `make test-slow` installs."""

from __future__ import annotations

import os
import shutil

import pytest


def needs_program(name, package):
    """Return what marks a test that calls a program: it belongs to `make test-slow`.

    Without the program it is skipped; in CI nothing is, so there the test fails.

    Args:
        name: Of the program.
        package: Of Debian, that has it.
    """
    is_missing = shutil.which(name) is None and not os.environ.get("CI")
    skip = pytest.mark.skipif(is_missing, reason=f"{name} is missing: apt-get install {package}")

    def mark(test):
        return pytest.mark.slow(skip(test))

    return mark

"""Tests of `make release`. `make test-lowest` has not what it needs, and leaves them out."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("twine") else ["test_*.py"]

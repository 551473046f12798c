"""Where Flask-Chest cannot run, its import says so in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

WINDOWS = "os.name = 'nt'; sys.platform = 'win32'"
WITHOUT_LOCKS = "sys.modules['fcntl'] = None"
WITHOUT_FORKS = "del os.register_at_fork"


@pytest.mark.parametrize(
    "platform",
    [
        f"{WINDOWS}; {WITHOUT_LOCKS}; {WITHOUT_FORKS}",
        WINDOWS,
        f"sys.platform = 'emscripten'; {WITHOUT_LOCKS}",
        f"sys.platform = 'wasi'; {WITHOUT_FORKS}",
    ],
)
@pytest.mark.parametrize(
    "module", ["flask_chest", "flask_chest.exporter", "flask_chest.runtime.fork", "flask_chest.cli"]
)
def test_the_import_says_what_is_supported(platform, module):
    code = f"import os, sys\n{platform}\ntry:\n import {module}\nexcept ImportError as e: print(e)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.stderr == ""
    [sentence] = result.stdout.splitlines()
    assert "runs on POSIX systems, which are Linux and macOS; on Windows, in WSL" in sentence
    for name in ("win32", "emscripten", "wasi"):
        assert (f"'{name}'" in sentence) == (name in platform)

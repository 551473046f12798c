"""Builds distributions as `python -m build` does: an sdist, and from that a wheel.

Arguments: the folder for both, and the folder of each distribution. One process calls the backend
for all of them, where `build` would start four for each.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hatchling import build

target, *sources = (Path(argument).resolve() for argument in sys.argv[1:])
for source in sources:
    assert 'build-backend = "hatchling.build"' in (source / "pyproject.toml").read_text("utf-8")
    os.chdir(source)
    sdist = build.build_sdist(str(target))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "xzf", target / sdist, "-C", folder], check=True)
        os.chdir(Path(folder) / sdist.removesuffix(".tar.gz"))
        build.build_wheel(str(target))
        os.chdir(target)

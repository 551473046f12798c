"""Builds distributions as `python -m build` does: an sdist, and from that a wheel.

Arguments: the folder for both, and the folder of each distribution. One process calls the backend
for all of them, where `build` would start four for each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hatchling import build


def main(target: Path, sources: list[Path]) -> None:
    """Build."""
    for source in sources:
        os.chdir(source)
        sdist = build.build_sdist(str(target))
        # Somewhere else, where nothing of the repository is beside it.
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["tar", "xzf", target / sdist, "-C", folder], check=True)
            os.chdir(Path(folder) / sdist.removesuffix(".tar.gz"))
            build.build_wheel(str(target))
            os.chdir(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [Path(argument).resolve() for argument in sys.argv[2:]])

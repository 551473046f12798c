"""Writes the notes of a release from its section of the changelog."""

from __future__ import annotations

from collections.abc import Mapping

from tools.release.tree import section


def notes(changelog: str, version: str, hashes: Mapping[str, str], tested: str) -> str:
    """Return the notes: what changed, how to install it, what was tested, and the files' hashes.

    Args:
        changelog: Text of CHANGELOG.md, with links that work where the notes are read.
        version: Version of the release.
        hashes: SHA-256 by name of a file.
        tested: Sentences about what it was installed and tried on.
    """
    files = "\n".join(f"| {name} | `{digest}` |" for name, digest in sorted(hashes.items()))
    return (
        f"# Flask-Chest {version}\n\n"
        f"    pip install 'flask-chest[sqlite]=={version}'\n\n"
        f"{section(changelog, version)}\n"
        f"## Tested\n\n{tested}\n\n"
        f"## Files\n\n| file | SHA-256 |\n|---|---|\n{files}\n"
    )

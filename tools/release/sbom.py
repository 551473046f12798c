"""Writes a software bill of materials of a distribution: CycloneDX, by the tool cyclonedx-py."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from tools.release.distributions import ROOT, Distribution
from tools.release.installing import run

_UPLOT: Final = re.compile(r"uPlot \(v([0-9.]+)\)")


def bill_of(environment: Path, distribution: Distribution) -> dict[str, Any]:
    """Describe what an environment has, which the wheel of a distribution was installed into alone.

    The tool lists the distribution among its own components, with the wheel's path on this machine.
    Here it is what the bill is about, and the path is the name of the file.

    Raises:
        KeyError: The environment does not have the distribution.
    """
    tool = Path(sys.executable).with_name("cyclonedx-py")
    shown = run(
        *(tool, "environment", environment / "bin" / "python"),
        *("--output-reproducible", "--output-format", "JSON"),
    )
    bill: dict[str, Any] = json.loads(shown)
    parts = {part["name"]: part for part in bill["components"]}
    described = parts.pop(distribution.name)
    described["purl"] = f"pkg:pypi/{distribution.name}@{described['version']}"
    for reference in described.get("externalReferences", ()):
        if reference["url"].startswith("file:"):
            reference["url"] = reference["url"].rpartition("/")[2]
    return {
        **bill,
        "metadata": {**bill["metadata"], "component": described},
        "components": [*parts.values(), *carried(distribution)],
    }


def carried(distribution: Distribution) -> list[dict[str, Any]]:
    """Return what a wheel carries of others in its own files."""
    found = []
    for script in sorted((ROOT / distribution.code).glob("static/*.js")):
        if version := _UPLOT.search(script.read_text("utf-8")[:200]):
            purl = f"pkg:npm/uplot@{version[1]}"
            licences = [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
            found.append(
                {
                    "type": "library",
                    "name": "uPlot",
                    "version": version[1],
                    "bom-ref": purl,
                    "purl": purl,
                    "licenses": licences,
                }
            )
    return found


def check(bill: dict[str, Any], distribution: Distribution, version: str) -> str | None:
    """Return what is wrong with a bill of materials, or None."""
    described = bill["metadata"]["component"]
    if (described["name"], described["version"]) != (distribution.name, version):
        return f"is of {described['name']} {described['version']}"
    parts = {part["name"]: part["version"] for part in bill["components"]}
    if distribution.folder != "." and parts.get("flask-chest") != version:
        return f"lists flask-chest {parts.get('flask-chest')}, and not {version}"
    if "file:" in json.dumps(bill):
        return "has a path of this machine"
    return None

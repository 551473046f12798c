"""Print the files for Grafana and Prometheus: `python -m flask_chest_monitor dashboard`."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Final

FILES: Final = {"dashboard": "grafana-dashboard.json", "alerts": "prometheus-alerts.yml"}


def main(arguments: list[str]) -> int:
    """Print the file that is asked for; return the exit status."""
    if len(arguments) != 1 or arguments[0] not in FILES:
        sys.stderr.write(f"usage: python -m flask_chest_monitor {'|'.join(FILES)}\n")
        return 2
    file = files("flask_chest_monitor") / "files" / FILES[arguments[0]]
    sys.stdout.write(file.read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

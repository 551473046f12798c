"""What a contract has to know about an exporter's destination."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from flask_chest.exporter import Exporter
from flask_chest.store import Store


class Backend(ABC):
    """A destination that is empty and belongs to one test.

    Attributes:
        exporter: The class that is tested.
        config: An entry of CHEST_EXPORTERS that leads there, without `type`. Values that JSON
            has, for it is handed to other processes.
        watching_connections: How many connections the driver opens besides, to watch the server.
    """

    exporter: type[Exporter]
    config: Mapping[str, Any]
    watching_connections: int = 0

    @abstractmethod
    def ids(self) -> list[str]:
        """Return the IDs of all records that are there, each as often as it is there.

        Not through the exporter, which might be wrong in the same way twice.
        """

    def new(self, **fields: object) -> Exporter:
        """Return an exporter that is not open, with some fields of the configuration changed."""
        return self.exporter(self.exporter.config_model.model_validate({**self.config, **fields}))

    def at(self, host: str, port: int) -> Mapping[str, Any]:
        """Return the fields of the configuration that lead there by way of another address.

        For `ServerContract`, which puts a relay in between.
        """
        return {"host": host, "port": port}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server, for `ServerContract`."""
        return self.config["host"], self.config["port"]

    def start(self, script: str) -> subprocess.Popen[str]:
        """Run a Python script in a process of its own, where `new()` makes an exporter."""
        kind = self.exporter
        opening = (
            f"import json, sys\nfrom {kind.__module__} import {kind.__qualname__} as kind\n"
            "def new():\n"
            "    return kind(kind.config_model.model_validate(json.loads(sys.argv[1])))\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", opening + script, json.dumps(dict(self.config))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class StoreBackend(Backend):
    """A destination that a `Store` makes tables in."""

    exporter: type[Store]

    def new(self, **fields: object) -> Store:
        """Return a store that is not open, with some fields of the configuration changed."""
        store = super().new(**fields)
        assert isinstance(store, Store)
        return store

    @abstractmethod
    def variables(self) -> list[tuple[str, str, object]]:
        """Return the rows of the view `chest_variables`: record ID, name, value as text."""

    @abstractmethod
    def set_version(self, version: int) -> None:
        """Let the tables, which are there, say that they have another version."""

    @abstractmethod
    def take_names(self) -> None:
        """Put a table of somebody else, with one row, where the records are to be."""

    @abstractmethod
    def is_untouched(self) -> bool:
        """Tell whether what `take_names` has made is as it was, and alone."""

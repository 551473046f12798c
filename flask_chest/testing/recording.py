"""An exporter that keeps in memory what is delivered to it."""

from __future__ import annotations

import builtins

from pydantic import BaseModel, ConfigDict

from flask_chest.exporter import Batch, Exporter
from flask_chest.hookspecs import hookimpl
from flask_chest.record import Record
from flask_chest.testing.collector import Collector


class RecordingConfig(BaseModel):
    """Has no fields: ``{"type": "recording"}``, or the URL ``recording://``."""

    model_config = ConfigDict(extra="forbid")

    url: str = ""


class RecordingExporter(Exporter):
    """Keeps in memory what is delivered to it, for tests of all that comes before a database.

    An instance is also the plugin that announces the type `recording`, whose exporters keep
    their records in that instance::

        recording = RecordingExporter()
        chest = FlaskChest(exporters={"main": {"type": "recording"}}, journal="memory")
        chest.register_plugin(recording)
        chest.init_app(app)
    """

    type = "recording"
    config_model = RecordingConfig
    _collector: Collector

    def __init__(self, config: BaseModel | None = None) -> None:
        super().__init__(config or RecordingConfig())
        if not hasattr(type(self), "_collector"):  # else the core makes one for its own use
            self._collector = Collector()

    @hookimpl
    def chest_exporters(self) -> list[builtins.type[Exporter]]:
        """Announce a class whose instances all keep their records here."""
        kind = type(self)
        return [type(kind.__name__, (kind,), {"_collector": self._collector})]

    @property
    def records(self) -> list[Record]:
        """The records that have been delivered, each once, in their order."""
        return self._collector.records

    def wait_for(self, count: int, timeout_seconds: float = 5.0) -> list[Record]:
        """Return all records as soon as at least `count` have been delivered.

        `chest.flush()` delivers at once; else the next interval does.

        Raises:
            TimeoutError: Fewer have been delivered in time.
        """
        return self._collector.wait_for(count, timeout_seconds)

    def clear(self) -> None:
        """Forget what has been delivered."""
        self._collector.clear()

    def open(self) -> None:
        """Do nothing: memory is always there."""

    def export(self, batch: Batch) -> None:
        """Keep the records that are not there yet."""
        self._collector.add(batch.records())

    def close(self) -> None:
        """Do nothing: what was delivered stays."""

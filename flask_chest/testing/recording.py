"""`RecordingExporter`: keeps delivered records in memory."""

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
    """Keeps delivered records in memory, for tests without a database.

    An instance is also a plugin. It announces the type `recording`, whose exporters keep their
    records in this instance::

        recording = RecordingExporter()
        chest = FlaskChest(exporters={"main": {"type": "recording"}}, journal="memory")
        chest.register_plugin(recording)
        chest.init_app(app)
    """

    type = "recording"
    config_model = RecordingConfig
    for_tests = True
    _collector: Collector

    def __init__(self, config: BaseModel | None = None) -> None:
        super().__init__(config or RecordingConfig())
        if not hasattr(type(self), "_collector"):  # the announced class has it
            self._collector = Collector()

    @hookimpl
    def chest_exporters(self) -> list[builtins.type[Exporter]]:
        """Announce a class whose instances keep their records in this instance."""
        kind = type(self)
        return [type(kind.__name__, (kind,), {"_collector": self._collector})]

    @property
    def records(self) -> list[Record]:
        """The delivered records, each once, in the order of delivery."""
        return self._collector.records

    def wait_for(self, count: int, timeout_seconds: float = 5.0) -> list[Record]:
        """Wait until at least `count` records have been delivered; return all.

        `chest.flush()` delivers at once. Otherwise delivery waits for the next interval.

        Raises:
            TimeoutError: Fewer records were delivered in time.
        """
        return self._collector.wait_for(count, timeout_seconds)

    def clear(self) -> None:
        """Remove all records."""
        self._collector.clear()

    def open(self) -> None:
        """Do nothing."""

    def export(self, batch: Batch) -> None:
        """Keep the records that have not been delivered before."""
        self._collector.add(batch.records())

    def close(self) -> None:
        """Do nothing. The records remain."""

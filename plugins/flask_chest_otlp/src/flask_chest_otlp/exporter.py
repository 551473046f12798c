"""The exporter to a collector of OpenTelemetry."""

from __future__ import annotations

import builtins
import importlib.util
import logging
import pkgutil
import sys
from typing import TYPE_CHECKING, ClassVar, Final, cast

from flask_chest.errors import BatchRejected, ConfigurationError, ExporterUnavailable
from flask_chest.exporter import Batching, Exporter, Finding
from flask_chest.record import decode
from flask_chest.runtime import fork
from flask_chest.runtime.log import Throttle
from flask_chest_otlp.answers import THROTTLED
from flask_chest_otlp.config import OtlpConfig
from flask_chest_otlp.log_records import LogEncoder
from flask_chest_otlp.metrics import MetricEncoder

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flask_chest.exporter import Batch
    from flask_chest.record import RecordData
    from flask_chest_otlp.answers import Answer
    from flask_chest_otlp.transport import Transport

LOGS: Final = "/v1/logs"
METRICS: Final = "/v1/metrics"

_TRANSPORT: Final = "flask_chest_otlp.transport:Transport"

_REMEDIES: Final = {
    401: "Check `token`, `user`, `password` and `headers`",
    403: "Check the rights of whoever signs in",
    404: "Check the path in `url`, and that the collector has a pipeline for this signal",
    405: "Check `url`: this place takes no POST",
    407: "A proxy asks for a password",
    415: 'Try `compression = "none"`',
}


class OtlpExporter(Exporter):
    """Sends records as log records over OTLP/HTTP.

    Delivery is at least once: a collector that has taken a batch and whose answer is lost gets it
    again. Each log record has its record's ID as `log.record.uid`.
    """

    type: ClassVar[str] = "otlp"
    schemes: ClassVar[tuple[str, ...]] = ("otlp+http", "otlp+https")
    config_model: ClassVar[builtins.type[BaseModel]] = OtlpConfig

    _transport: Transport | None = None

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        mine = self._config
        self._logs = LogEncoder(mine.resource, mine.variable_prefix, has_body=mine.body)
        self._metrics = MetricEncoder(mine.resource) if mine.metrics else None
        if mine.metrics:
            # The same batch comes again when the collector has its logs and not its metrics.
            self.batching = Batching(fixed=True)
        self._throttle = Throttle()
        self._has_delivered = False
        self._logs_taken = ""  # token of a batch whose logs the collector has

    @property
    def _config(self) -> OtlpConfig:
        return cast("OtlpConfig", self.config)

    # -- Exporter --------------------------------------------------------------------------------

    def validate(self) -> None:
        """Find out whether the client for HTTP is installed, without an import.

        With gevent, import it all the same: a later import would block all requests.

        Raises:
            ConfigurationError: It is not installed.
        """
        if importlib.util.find_spec("urllib3") is None:
            raise ConfigurationError(
                f"the type {self.type!r} needs the module 'urllib3', which is not installed"
            )
        if "gevent" in sys.modules:
            self.preload()

    def preload(self) -> None:
        """Import the client for HTTP."""
        self._transport_class()

    @staticmethod
    def _transport_class() -> builtins.type[Transport]:
        with fork.importing():
            return cast("builtins.type[Transport]", pkgutil.resolve_name(_TRANSPORT))

    def open(self) -> None:
        """Connect, and ask with an empty request whether the collector takes records.

        A request that was refused is not sent again before an empty one is accepted.

        Raises:
            ExporterUnavailable: It cannot be reached, or refuses even an empty request.
        """
        self.close()
        self._transport = self._transport_class()(self._config)
        for path in self._paths:
            answer = self._transport.post(path, b"")
            if not self._takes_requests(answer):
                raise self._unavailable(path, answer)

    @property
    def _paths(self) -> tuple[str, ...]:
        return (LOGS,) if self._metrics is None else (LOGS, METRICS)

    def findings(self) -> list[Finding]:
        """Return what is worth knowing: who reads what is sent, and what cannot be found out."""
        found = [Finding("ok", "collector", f"{self._config.url} accepts requests")]
        if self._config.is_sent_in_clear:
            has_secret = self._config.token or self._config.user or self._config.headers
            what = "records and credentials" if has_secret else "records"
            found.append(
                Finding(
                    "warning",
                    "encryption",
                    f"{what} are sent unencrypted",
                    "Use a URL that begins with https://",
                )
            )
        return found

    def export(self, batch: Batch) -> None:
        """Send a batch, in one request for each signal.

        Raises:
            ExporterUnavailable: The collector cannot take it now.
            BatchRejected: A record is malformed, the batch is too large, or the collector refuses
                it although it accepts an empty request.
        """
        try:
            records = decode(batch.to_json())
        except ValueError as error:
            raise BatchRejected(f"a record is malformed: {error}") from error
        if self._metrics is None:
            self._send_logs(records)
            return
        if self._logs_taken != batch.token:
            self._send_logs(records)
            self._logs_taken = batch.token
        self._send_metrics(self._metrics, records)

    def close(self) -> None:
        """Close the connection."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    # -- Requests --------------------------------------------------------------------------------

    def _send_logs(self, records: list[RecordData]) -> None:
        message = self._logs.request(records)
        limit = self._config.max_request_bytes
        if len(message) > limit:
            raise BatchRejected(
                f"{len(message):,} bytes are more than {limit:,} (`max_request_bytes`)"
            )
        answer = self._post(LOGS, message)
        if not self._is_taken(answer):
            if answer.may_be_of_the_data and self._is_of_the_data(LOGS):
                raise BatchRejected(f"{self._config.location}{LOGS} answered {answer}")
            raise self._unavailable(LOGS, answer)
        self._has_delivered = True
        self._tell_of_partial_success(LOGS, answer, len(records))

    def _send_metrics(self, encoder: MetricEncoder, records: list[RecordData]) -> None:
        """Send metrics. No record is dead-lettered for them, as the records have arrived."""
        answer = self._post(METRICS, encoder.request(records))
        if self._is_taken(answer):
            self._tell_of_partial_success(METRICS, answer, len(records))
        elif answer.may_be_of_the_data and self._is_of_the_data(METRICS):
            self._throttle.log(
                logging.ERROR,
                "metrics",
                f"{self._config.location}{METRICS} refuses the metrics of {{number}} records, "
                f"which are lost; the records themselves have arrived: {answer}",
                number=len(records),
            )
        else:
            raise self._unavailable(METRICS, answer)
        encoder.accepted(records)

    def _post(self, path: str, message: bytes) -> Answer:
        if self._transport is None:
            raise ExporterUnavailable(f"{self._config.location} is not connected")
        return self._transport.post(path, message)

    @staticmethod
    def _is_taken(answer: Answer) -> bool:
        return answer.is_success and not answer.is_page

    def _takes_requests(self, answer: Answer) -> bool:
        """Return whether an empty request was taken, or refused for being empty."""
        # The specification has it accepted. Who does not follow it may accept records all the same.
        return self._is_taken(answer) or answer.status in {400, 422}

    def _is_of_the_data(self, path: str) -> bool:
        """Return whether the content of a refused request is at fault: an empty one is accepted."""
        answer = self._post(path, b"")
        return self._is_taken(answer) or (self._has_delivered and self._takes_requests(answer))

    def _tell_of_partial_success(self, path: str, answer: Answer, count: int) -> None:
        rejected, message = answer.partial_success()
        where = f"{self._config.location}{path}"
        if rejected > 0:
            what = "records" if path == LOGS else "data points"
            self._throttle.log(
                logging.ERROR,
                f"partial {path}",
                f"{where} has dropped {{number}} {what}, and OTLP does not say which. They are not "
                f"sent again, by the specification: {message or 'it gives no reason'}",
                number=min(rejected, count) if path == LOGS else rejected,
            )
        elif message:
            self._throttle.log(logging.WARNING, f"warning {path}", f"{where} says: {message}")

    # -- Refusals --------------------------------------------------------------------------------

    def _unavailable(self, path: str, answer: Answer) -> ExporterUnavailable:
        where = f"{self._config.location}{path}"
        if answer.status in THROTTLED and (pause := answer.pause_seconds()):
            return ExporterUnavailable(
                f"{where} answered {answer}, and asked for a pause of {pause:,.0f} s",
                retry_after_seconds=pause,
            )
        if answer.is_success:
            return ExporterUnavailable(
                f"{where} answered {answer} with a page for browsers. Check `url`: it is that of "
                "no collector"
            )
        if answer.location is not None:
            return ExporterUnavailable(
                f"{where} answered {answer}, which is not followed: it would get the credentials. "
                "Correct `url`"
            )
        if answer.status in {400, 422}:
            return ExporterUnavailable(
                f"{where} answered {answer}; it refuses an empty request, too, so no record is at "
                "fault. Check `url`, `headers` and `compression`"
            )
        remedy = _REMEDIES.get(answer.status)
        return ExporterUnavailable(f"{where} answered {answer}{f'. {remedy}' if remedy else ''}")

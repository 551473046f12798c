"""Post each batch as one JSON array. The endpoint must ignore record IDs that it has already."""

import urllib3
from flask_chest import Batch, BatchRejected, Exporter, ExporterUnavailable
from flask_chest_webhook.config import WebhookConfig


class WebhookExporter(Exporter):
    type = "webhook"
    schemes = ("https", "http")
    config_model = WebhookConfig
    config: WebhookConfig

    def open(self) -> None:
        self._headers = {"Content-Type": "application/json"}
        if self.config.token is not None:
            self._headers["Authorization"] = f"Bearer {self.config.token.get_secret_value()}"
        retries = urllib3.Retry(
            self.config.retries,
            allowed_methods={"POST"},  # idempotent here: the endpoint ignores IDs that it has
            status_forcelist={502, 503, 504},
            backoff_factor=0.1,  # Flask-Chest makes the longer pauses, without blocking its thread
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        timeout = urllib3.Timeout(
            connect=self.config.connect_timeout_seconds, read=self.config.timeout_seconds
        )
        self._pool = urllib3.PoolManager(1, retries=retries, timeout=timeout)

    def export(self, batch: Batch) -> None:
        url = self.config.url
        where = f"{url.host}:{url.port}"
        try:
            answer = self._pool.request(
                "POST", str(url), body=batch.to_json(), headers=self._headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ExporterUnavailable(f"{where}: {type(error).__name__}") from error
        if answer.status in (413, 422):  # Flask-Chest halves the batch to find the record
            raise BatchRejected(f"{where} answered {answer.status} {answer.reason}")
        if not 200 <= answer.status < 300:
            raise ExporterUnavailable(f"{where} answered {answer.status} {answer.reason}")

    def close(self) -> None:
        if hasattr(self, "_pool"):
            self._pool.clear()

"""A shop whose slow work is done by Celery. Each task is a job of the request that sent it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.signals import before_task_publish, worker_process_shutdown
from flask import Flask, g

from flask_chest import FlaskChest, outbound_headers

FOLDER = Path(os.environ.get("SHOP_FOLDER", Path(__file__).parent / "instance")).absolute()

app = Flask(__name__, instance_path=str(FOLDER))
chest = FlaskChest(app)


class RecordedTask(Task):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Celery's
        request = self.request
        attempt = chest.record(self.name, attempt=request.retries)
        with app.app_context(), chest.continued(request.headers), attempt as job:
            job["result"] = result = self.run(*args, **kwargs)
            return result


celery = Celery("shop", broker="filesystem://", task_cls=RecordedTask)
# A folder takes the place of a broker, so that nothing else has to run. In production:
# Celery("shop", broker="redis://localhost", task_cls=RecordedTask), and nothing of these.
queue, control = FOLDER / "queue", FOLDER / "control"
for folder in (queue, control):
    folder.mkdir(parents=True, exist_ok=True)
celery.conf.broker_transport_options = {
    "data_folder_in": str(queue),
    "data_folder_out": str(queue),
    "control_folder": str(control),
}


@before_task_publish.connect
def send_request_id(headers: dict[str, str], **_: object) -> None:
    headers.update(outbound_headers())


@worker_process_shutdown.connect
def deliver(**_: object) -> None:
    """Deliver: a worker of the prefork pool ends without Python's exit functions."""
    chest.close()


@celery.task(name="invoice", autoretry_for=(ConnectionError,), retry_backoff=1, max_retries=3)
def invoice(number: int) -> str:
    if number < 0:
        raise ValueError(f"no order {number}")
    return f"invoice-{number}.pdf"


@app.post("/orders/<int(signed=True):number>")
@chest.track("order")
def order(number: int) -> dict[str, int]:
    g.order = number
    invoice.delay(number)
    return {"order": number}

"""Serve the shop with its dashboard while made-up customers shop: `make demo SERVE=1`."""

from __future__ import annotations

import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from rich.console import Console
from werkzeug.security import generate_password_hash

from examples.shop.server import gunicorn
from examples.shop.traffic import SHOPPERS, Shopper, send_all

USER = "demo"


def serve(console: Console, settings: Path, *, folder: Path, log: Path) -> None:
    """Serve until Ctrl-C."""
    password = secrets.token_urlsafe(9)
    os.environ["FLASK_CHEST_DASHBOARD_USER"] = USER
    os.environ["FLASK_CHEST_DASHBOARD_PASSWORD_HASH"] = generate_password_hash(password)
    os.environ["FLASK_CHEST_DASHBOARD_MANAGE"] = "true"
    stop = threading.Event()
    with gunicorn(settings, folder=folder, log=log) as url:
        send_all(url, lambda: None)
        console.print(f"The shop is at {url}, with customers who shop until you press Ctrl-C")
        console.print(f"Its dashboard: {url}/chest/?since=15m", soft_wrap=True)
        console.print(f"User: {USER}   password: {password}", markup=False, highlight=False)
        with ThreadPoolExecutor(SHOPPERS) as threads:
            try:
                shopping = [threads.submit(_shop, url, n, stop) for n in range(SHOPPERS)]
                for each in shopping:
                    each.result()
            except KeyboardInterrupt:
                console.print("The shop closes")
            finally:
                stop.set()


def _shop(url: str, number: int, stop: threading.Event) -> None:
    """Send the requests of one customer, some in a second, until `stop` is set."""
    while not stop.is_set():
        # Ten seconds later, the same customer comes again.
        shopper = Shopper(url, number, lambda: _pause(stop))
        try:
            shopper.run()
        except (_Stopped, httpx.TransportError):
            if stop.is_set():
                return
            raise
        stop.wait(10)


class _Stopped(Exception):
    """The demo ends."""


def _pause(stop: threading.Event) -> None:
    if stop.wait(0.3 + secrets.randbelow(1_000) / 1_000):
        raise _Stopped

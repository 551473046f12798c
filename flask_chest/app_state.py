"""What the extension keeps for one application: the stages, each wired into the one before it."""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask_chest.capture import endpoints
from flask_chest.capture.middleware import Capture
from flask_chest.capture.record_line import Lines
from flask_chest.capture.request_ids import RequestIds
from flask_chest.capture.rules import Plans
from flask_chest.capture.suppression import OptOut
from flask_chest.encode.patterns import Selection
from flask_chest.encode.record_fields import Fields
from flask_chest.encode.variables import VariableFilter
from flask_chest.errors import ConfigurationError
from flask_chest.export import Delivery, Export
from flask_chest.plugins import discovery
from flask_chest.plugins.manager import Plugins
from flask_chest.runtime import fork
from flask_chest.runtime.counters import Counters, Stats
from flask_chest.runtime.log import Throttle, logger
from flask_chest.settings import stages
from flask_chest.settings.exporters import make_exporters, validate_exporters
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.capture.decorator import Marks
    from flask_chest.settings.model import Settings


class State:
    """What the extension keeps for one application, under one key in `app.extensions`.

    It refers to no application, so that one which is given up can be collected.
    """

    def __init__(
        self,
        app: Flask,
        owner: object,
        options: Settings,
        registered: Mapping[str, object],
        marks: Marks,
    ) -> None:
        self.owner = weakref.ref(owner)
        self.options = options
        self.counters = Counters()
        self.throttle = Throttle()
        self.plugins = Plugins(
            registered,
            self.counters,
            self.throttle,
            installed=discovery.load(
                discovery.Choice(
                    options.plugins, options.block_plugins, external=options.external_plugins
                )
            ),
        )
        stages.create_instance_folder(options, app.instance_path)
        self.exporters = make_exporters(
            options.exporters,
            self.plugins.exporters(),
            app.instance_path,
            left_out=self.plugins.left_out,
        )
        redact = stages.make_redactor(options, app.secret_key)
        self.sampling = stages.make_sampling(options, self.counters, self.throttle)
        self._journal_use = stages.make_journal_use(options, app.instance_path)
        self.journal = stages.make_journal(
            options, app.instance_path, self.exporters, self.counters, self.throttle
        )
        self.capture = Capture(
            header=next(iter(options.request_id_header), ""),
            raise_errors=options.raise_errors,
            plans=Plans(
                Selection(options.variables, setting="CHEST_VARIABLES"),
                track_all=options.track_all,
                is_excluded=endpoints.excluded(options.exclude_endpoints),
                sample_rate=endpoints.sample_rates(options.sample_rate),
                marks=marks,
                throttle=self.throttle,
                raise_errors=options.raise_errors,
            ),
            ids=RequestIds(
                headers=options.request_id_header if options.trust_request_id else (),
                hook=self.plugins.request_id(),
                generator=stages.make_request_id_generator(options),
                counters=self.counters,
                throttle=self.throttle,
            ),
            variables=VariableFilter(
                redact, lambda number: self.counters.add("variables_skipped", number=number)
            ),
            lines=Lines(options.service or app.name, Fields(options.fields, redact)),
            sampling=self.sampling,
            opts_out=OptOut(options.opt_out) if options.opt_out else None,
            enrich=self.plugins.filter_variables(),
            write=self.journal.append,
            awake=self._awake,
            counters=self.counters,
            throttle=self.throttle,
        )
        validate_exporters(self.exporters)
        self.export = Export(
            {
                name: Delivery(
                    name,
                    exporter,
                    self.journal,
                    max_records=options.batch_records,
                    max_bytes=options.batch_bytes,
                    retry_seconds=options.retry_seconds,
                    retry_max_seconds=options.retry_max_seconds,
                    timeout_seconds=options.export_timeout_seconds,
                    plugins=self.plugins,
                    counters=self.counters,
                    throttle=self.throttle,
                )
                for name, exporter in self.exporters.items()
            },
            self.journal,
            interval_seconds=options.export_interval_seconds,
            shutdown_seconds=options.shutdown_seconds,
        )
        self._stores: dict[str, Store] = {}
        self._stores_lock = threading.Lock()
        self._journal_use.begin()
        fork.watch(self)

    def after_fork(self) -> None:
        """Let go, in a forked child, of the parent's files, threads and connections."""
        fork.keep(self._stores)
        self._stores = {}
        self._stores_lock = threading.Lock()
        self.capture.is_awake = False
        self.counters.after_fork()
        self.sampling.after_fork()
        self.plugins.after_fork()
        self.journal.after_fork()
        self.export.after_fork()

    def _awake(self) -> bool:
        """Start delivery with the first request of this process; False to be called again."""
        try:
            fork.notice()
            if _is_to_fork():
                return False
            if not _has_threads():
                logger.warning(
                    "uWSGI runs without threads, so this process delivers nothing: its records "
                    "wait in the journal for another process, such as `flask chest flush`. Set "
                    "enable-threads = true for uWSGI"
                )
                return True
            self._journal_use.begin()
            self.export.start()
        except Exception as error:  # noqa: BLE001 - such as: no thread can be started at the end
            self.throttle.log(
                logging.WARNING,
                "start",
                f"Delivery cannot start in this process; its records wait: {error!r}",
                error,
            )
        return self.export.is_started

    def stats(self) -> Stats:
        """Return the counters of this process."""
        return Stats(
            recorded=self.journal.appended,
            dropped=self.counters.by_reason("dropped"),
            request_ids_replaced=self.counters.total("request_ids_replaced"),
            variables_skipped=self.counters.total("variables_skipped"),
            capture_errors=self.counters.total("capture_errors"),
            plugin_errors=self.counters.by_reason("plugin_errors"),
            suppressed=self.counters.total("suppressed"),
            sampled_out=self.counters.total("sampled_out"),
            exporters={name: delivery.stats() for name, delivery in self.export.deliveries.items()},
            hook_times=self.plugins.times(),
        )

    def store(self, name: str) -> Store:
        """Return the open read side of an exporter."""
        exporter = self.exporters.get(name)
        if exporter is None:
            raise ConfigurationError(
                f"store({name!r}): no such exporter. CHEST_EXPORTERS has {sorted(self.exporters)}"
            )
        if not isinstance(exporter, Store):
            raise ConfigurationError(
                f"store({name!r}): exporters of the type {exporter.type!r} cannot be read"
            )
        with self._stores_lock:
            if name not in self._stores:
                # Not the exporter's own instance, which belongs to its thread.
                store = type(exporter)(exporter.config)
                store.open()
                self._stores[name] = store
            return self._stores[name]

    def close(self) -> None:
        """Deliver what can be delivered in time, then end threads and give files back."""
        self.capture.is_awake = False
        self.export.close()
        self._journal_use.end()
        with self._stores_lock:
            for store in self._stores.values():
                store.close()
            self._stores.clear()


def _is_to_fork() -> bool:
    """Whether this is uWSGI's master, which forks its workers without Python's hooks.

    An application may ask itself something while it is loaded there. A thread started then would
    be missing in the workers, which would take themselves for awake.
    """
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi is not None and uwsgi.worker_id() == 0


def _has_threads() -> bool:
    """Whether threads run in this process: uWSGI lets them only when it is asked to."""
    return bool(getattr(sys.modules.get("uwsgi"), "has_threads", True))

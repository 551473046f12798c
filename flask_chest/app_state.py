"""Builds the stages of one application, and wires each into the stage before it."""

from __future__ import annotations

import atexit
import logging
import sys
import weakref
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from flask_chest.capture import endpoints, exclusions
from flask_chest.capture.middleware import Capture
from flask_chest.capture.opt_out import OptOut
from flask_chest.capture.record_line import Lines
from flask_chest.capture.recorder import IdleRecorder, Recorder
from flask_chest.capture.request_ids import RequestIds
from flask_chest.capture.rules import Rules
from flask_chest.capture.track_rule import TrackRule
from flask_chest.encode.masked_names import MaskedNames
from flask_chest.encode.record_fields import RecordFields
from flask_chest.encode.variables import VariableFilter
from flask_chest.export import (
    Export,
    IndexJob,
    LeaderJob,
    Retention,
    RollupJob,
    Supervisor,
)
from flask_chest.journal.stats import RECORDED, stats_of
from flask_chest.plugins import discovery
from flask_chest.plugins.manager import Plugins
from flask_chest.runtime import command, fork
from flask_chest.runtime.announcer import Announcer
from flask_chest.runtime.counters import NO_EXPORTS, Counters, Stats
from flask_chest.runtime.log import Throttle, logger
from flask_chest.settings import rollups, stages
from flask_chest.settings.exporters import make_exporters, validate_exporters
from flask_chest.settings.late import LateSettings
from flask_chest.store import Store
from flask_chest.stores import Stores
from flask_chest.under_test import UnderTest
from flask_chest.upkeep.dead_letters import DeadLetterBox

if TYPE_CHECKING:
    from flask import Flask

    from flask_chest.capture.decorator import TrackDecorator
    from flask_chest.capture.response_body import OpenBodies
    from flask_chest.exporter import Exporter
    from flask_chest.settings.load import Given
    from flask_chest.settings.model import Settings


class AppState:
    """The state of the extension for one application, under one key in `app.extensions`.

    It does not refer to the application, so that an abandoned application can be collected.
    """

    def __init__(
        self,
        app: Flask,
        owner: object,
        given: Given,
        registered: Mapping[str, object],
        decorator: TrackDecorator,
    ) -> None:
        self.owner = weakref.ref(owner)
        self.app = weakref.ref(app)
        self.options = options = given.settings()
        self.sources = given.sources
        self.late_settings = LateSettings(app.config)
        self.service = options.service or app.name
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
        self.plugin_settings = self.plugins.settings = given.of_plugins(
            self.plugins.setting_models(type(options).model_fields)
        )
        installed = self.plugins.exporters()
        self.exporters: dict[str, Exporter] = {}
        if options.enabled:
            stages.create_instance_folder(options, app.instance_path)
            self.exporters = make_exporters(
                options.exporters,
                installed,
                app.instance_path,
                left_out=self.plugins.left_out,
                retention=options.retention,
                indexed_variables=options.indexed_variables,
            )
            rollups.declare(self.exporters.values(), options.rollups)
        self.under_test = UnderTest(app, options, self.exporters, self.counters, self.throttle)
        self.stores = Stores(options, self.exporters, self.under_test)
        # Otherwise no journal and no database is touched, neither here nor by requests.
        delivers = options.enabled and not self.under_test.is_on
        self.redact = redact = stages.make_redactor(options, app.secret_key)
        masked = MaskedNames(redact.keys, self.counters, redact.kinds.own)
        self.sampling = stages.make_sampling(options, app.secret_key, self.counters, self.throttle)
        self._journal_use = stages.make_journal_use(options, app.instance_path, is_now=delivers)
        self.journal = stages.make_journal(
            options,
            app.instance_path,
            self.exporters,
            self.counters,
            self.throttle,
            is_now=delivers,
        )
        may_deliver = self.under_test.may_deliver
        self.recorder = (Recorder if options.enabled else IdleRecorder)(
            app=app,
            variables=VariableFilter(
                redact,
                lambda number: self.counters.add("variables_skipped", number=number),
                masked.add,
            ),
            enrich=self.plugins.filter_variables(),
            drops=self.plugins.drop_record(),
            sampling=self.sampling,
            excluded_statuses=exclusions.statuses(options.exclude_status),
            release=options.release,
            lines=Lines(self.service, RecordFields(options.fields, redact, masked.add)),
            write=self.journal.append,
            write_in_tests=(self.journal if may_deliver else self.under_test).append,
            raise_errors=options.raise_errors,
            counters=self.counters,
            throttle=self.throttle,
        )
        self.dead_letters = DeadLetterBox(
            self.exporters, self.journal, self.counters, partial(_mode, options, self.under_test)
        )
        self.capture = Capture(
            app=app,
            header=next(iter(options.request_id_header), ""),
            rules=Rules(
                TrackRule.parse(options.variables, setting="CHEST_VARIABLES"),
                track_all=options.track_all,
                is_excluded=endpoints.excluded(options.exclude_endpoints),
                sample_rate=endpoints.sample_rates(options.sample_rate),
                decorator=decorator,
                throttle=self.throttle,
                raise_errors=options.raise_errors,
                client_ip_prefix=options.client_ip_prefix,
            ),
            ids=RequestIds(
                headers=options.request_id_header if options.trust_request_id else (),
                hook=self.plugins.request_id(),
                generator=stages.make_request_id_generator(options),
                counters=self.counters,
                throttle=self.throttle,
            ),
            opts_out=OptOut(options.opt_out) if options.opt_out else None,
            excludes_path=(
                exclusions.paths(options.exclude_paths) if options.exclude_paths else None
            ),
            recorder=self.recorder,
            start_delivery=self._start_delivery,
        )
        if delivers:
            self._validate()
        under_test = self.under_test
        announcer = Announcer(self.app, app.name, self.exporters, self.counters, self.throttle)
        self.export = Export(
            {
                name: Supervisor(
                    name,
                    exporter,
                    self.journal,
                    max_records=options.batch_records,
                    max_bytes=options.batch_bytes,
                    retry_seconds=options.retry_seconds,
                    retry_max_seconds=options.retry_max_seconds,
                    timeout_seconds=options.export_timeout_seconds,
                    plugins=self.plugins,
                    announcer=announcer,
                    counters=self.counters,
                    throttle=self.throttle,
                )
                for name, exporter in self.exporters.items()
            },
            self.journal,
            interval_seconds=options.export_interval_seconds,
            shutdown_seconds=options.shutdown_seconds,
            jobs=self._jobs(options),
            rests=lambda: under_test.is_on,
            throttle=self.throttle,
        )
        # Called before the export's own, which was registered earlier and delivers a last time.
        atexit.register(_finish_open_bodies, weakref.ref(self.capture.open_bodies))
        if delivers:
            self._journal_use.begin()
        fork.watch(self)

    def _jobs(self, options: Settings) -> list[LeaderJob]:
        """Return what the leader does beside delivery."""
        under_test = self.under_test
        jobs: list[LeaderJob] = []
        given: dict[str, Any] = {
            "journal": self.journal,
            "timeout_seconds": options.export_timeout_seconds,
            "counters": self.counters,
            "throttle": self.throttle,
            "rests": lambda: under_test.is_on,
        }
        for name, store in self.exporters.items():
            if isinstance(store, Store):
                if store.retention is not None:
                    jobs.append(Retention(name, store, store.retention, **given))
                if store.rollups:
                    jobs.append(RollupJob(name, store, **given))
                jobs.append(IndexJob(name, store, **given))
        return jobs

    def _validate(self) -> None:
        if command.is_ours():
            return  # as root, it has still to become the owner of the files
        try:
            validate_exporters(self.exporters)
        except BaseException:
            self.journal.close()  # or the error would keep it in use
            raise

    def after_fork(self) -> None:
        """Drop, in a forked child, the files, threads and connections of the parent."""
        self.stores.after_fork()
        self.capture.is_delivery_started = False
        self.counters.after_fork()
        self.under_test.after_fork()
        self.sampling.after_fork()
        self.plugins.after_fork()
        self.journal.after_fork()
        self.export.after_fork()

    def _start_delivery(self) -> bool:
        """Start delivery with the first request or job of a process; False to be called again."""
        if (app := self.app()) is not None:
            self.late_settings.say(app.config)
        if not self.options.enabled:
            return True
        if self.under_test.is_on:
            return False  # TESTING may be off again for a later one
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
            if not self._journal_use.has_begun:  # the application was closed
                self._journal_use.begin()
            self.export.start()
        except Exception as error:  # noqa: BLE001 - as when the interpreter ends and starts no thread
            self.throttle.log(
                logging.WARNING,
                "start",
                f"Delivery cannot start in this process; its records wait: {error!r}",
                error,
            )
        return self.export.is_started

    def stats(self, *, process: bool = False) -> Stats:
        """Return the counters of the host, or of this process alone."""
        host = None if process or self.under_test.is_on else self.journal.host()
        if host is None:
            recorded = self.journal.appended + self.under_test.appended
            counts = {**self.counters.snapshot(), RECORDED: {"": recorded}}
        else:
            counts = host.counts
        exporters = {name: each.stats(host) for name, each in self.export.supervisors.items()}
        if not self.options.enabled:
            exporters = dict.fromkeys(self.options.exporters, NO_EXPORTS)
        return stats_of(counts, exporters, host, self.plugins.times(), mode=self.mode)

    @property
    def mode(self) -> str:
        """What keeps records from being delivered now, in a sentence; empty for nothing."""
        return _mode(self.options, self.under_test)

    def journal_fault(self) -> str | None:
        """Return why the journal can take no record now; None when it can, or gets none."""
        return None if self.under_test.is_on else self.journal.fault()

    def close(self) -> None:
        """Deliver within CHEST_SHUTDOWN_SECONDS, then end threads and give files back."""
        self.capture.open_bodies.finish()
        self.capture.is_delivery_started = False
        self.export.close()
        self._journal_use.end()
        self.throttle.flush()
        self.stores.close()


def _mode(options: Settings, under_test: UnderTest) -> str:
    if not options.enabled:
        return "Flask-Chest is switched off by CHEST_ENABLED: nothing is recorded or delivered"
    if under_test.is_on:
        return (
            "TESTING is on: nothing is delivered, and only the records of this process are "
            "shown. CHEST_TESTING = 'deliver' changes that"
        )
    return ""


def _finish_open_bodies(reference: weakref.ref[OpenBodies]) -> None:
    """Record the streams that are open when the process ends."""
    bodies = reference()
    if bodies is not None:
        bodies.finish()


def _is_to_fork() -> bool:
    """Return whether this is uWSGI's master, which forks its workers without Python's hooks.

    An application may send itself a request while the master loads it. A thread started then is
    missing in the workers, which would take delivery for started.
    """
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi is not None and uwsgi.worker_id() == 0


def _has_threads() -> bool:
    """Return whether threads run in this process. uWSGI runs them only with enable-threads."""
    return bool(getattr(sys.modules.get("uwsgi"), "has_threads", True))

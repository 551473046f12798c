"""The Flask extension: reads the settings and wires the stages, each into the one before it."""

from __future__ import annotations

import fnmatch
import logging
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, overload

from flask import Flask, current_app, has_app_context, has_request_context

from flask_chest import cli, configure, current, fork, settings
from flask_chest.capture import Capture
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.export import Delivery, Export
from flask_chest.exporter import Store
from flask_chest.filter import MethodPatterns, Selection, VariableFilter
from flask_chest.log import Throttle
from flask_chest.plans import Plans
from flask_chest.plugins import PluginInfo, Plugins
from flask_chest.request_id import RequestIdGenerator, RequestIds
from flask_chest.stats import Counters, Stats
from flask_chest.track import AnyView, Mark, Marks

KEY: Final = "flask_chest"
"""Key of the state in `app.extensions`."""


class State:
    """What the extension keeps for one application, under one key in `app.extensions`.

    It refers to no application, so that one which is given up can be collected.
    """

    def __init__(
        self,
        app: Flask,
        owner: FlaskChest,
        options: settings.Settings,
        registered: Mapping[str, object],
        marks: Marks,
    ) -> None:
        self.owner = weakref.ref(owner)
        self.options = options
        self.counters = Counters()
        self.throttle = Throttle()
        self.plugins = Plugins(dict(registered), self.counters, self.throttle)
        configure.create_instance_folder(options, app.instance_path)
        self.exporters = configure.exporters(
            options.exporters, self.plugins.exporters(), app.instance_path
        )
        selection = Selection(options.variables, setting="CHEST_VARIABLES")
        self.capture = Capture(
            service=options.service or app.name,
            header=options.request_id_header,
            raise_errors=options.raise_errors,
            plans=Plans(
                selection if options.track_all else None,
                _endpoint_patterns(options.exclude_endpoints),
                marks,
                throttle=self.throttle,
                raise_errors=options.raise_errors,
            ),
            ids=RequestIds(
                header=options.request_id_header,
                trust=options.trust_request_id,
                hook=self.plugins.request_id(),
                counters=self.counters,
                throttle=self.throttle,
            ),
            variables=VariableFilter(
                selection, lambda number: self.counters.add("variables_skipped", number=number)
            ),
            enrich=self.plugins.filter_variables(),
            write=self.write,
            counters=self.counters,
            throttle=self.throttle,
        )
        self.journal = configure.journal(
            options, app.instance_path, self.exporters, self.counters, self.throttle
        )
        configure.check(self.exporters)
        self.export = Export(
            {
                name: Delivery(
                    name,
                    exporter,
                    self.journal,
                    max_records=options.batch_records,
                    max_bytes=options.batch_bytes,
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
        fork.watch(self)

    def after_fork(self) -> None:
        """Let go, in a forked child, of the parent's files, threads and connections."""
        fork.keep(self._stores)
        self._stores = {}
        self._stores_lock = threading.Lock()
        self.counters.after_fork()
        self.journal.after_fork()
        self.export.after_fork()

    def write(self, line: bytes) -> None:
        """Take a finished record, and start delivery with the first one of this process."""
        if self.journal.append(line) and not self.export.is_started:
            try:
                self.export.start()
            except RuntimeError as error:  # no thread can be started: the process is ending
                self.throttle.log(
                    logging.WARNING,
                    "start",
                    f"Delivery cannot start in this process; the record waits: {error}",
                )

    def stats(self) -> Stats:
        """Return the counters of this process."""
        return Stats(
            recorded=self.journal.appended,
            dropped=self.counters.by_reason("dropped"),
            request_ids_replaced=self.counters.total("request_ids_replaced"),
            variables_skipped=self.counters.total("variables_skipped"),
            plugin_errors=self.counters.by_reason("plugin_errors"),
            exporters={name: delivery.stats() for name, delivery in self.export.deliveries.items()},
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
        """Deliver what can be delivered in time, then end threads and close files."""
        self.export.close()
        with self._stores_lock:
            for store in self._stores.values():
                store.close()
            self._stores.clear()


class FlaskChest:
    """Records what the routes of Flask applications put on `flask.g`.

    Args:
        app: The application, or None to call `init_app` later, for any number of applications.
        **arguments: Settings, named without their prefix: ``track_all=True`` is
            ``CHEST_TRACK_ALL``. They are stronger than `app.config` and the environment.

    Raises:
        ConfigurationError: A setting is unknown or wrong, or something that it names cannot
            be used.
    """

    def __init__(self, app: Flask | None = None, **arguments: object) -> None:
        self._arguments = arguments
        self._registered: dict[str, object] = {}
        self._marks = Marks()
        self._throttle = Throttle()
        self._states: weakref.WeakSet[State] = weakref.WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Attach to an application. Calling it again with the same one does nothing.

        Raises:
            ConfigurationError: A setting is unknown or wrong, something that it names cannot be
                used, another `FlaskChest` is attached, or the application has already served.
        """
        if not isinstance(app, Flask):
            raise ConfigurationError(f"FlaskChest({app!r}): give it the Flask application itself")
        existing: State | None = app.extensions.get(KEY)
        if existing is not None:
            if existing.owner() is self:
                return
            raise ConfigurationError(
                f"The application {app.name!r} has a FlaskChest already. Create one, and share it "
                "among modules and applications"
            )
        if app._got_first_request:  # noqa: SLF001 - Flask would refuse below, less clearly
            raise ConfigurationError(
                f"The application {app.name!r} has served a request already. Call init_app "
                "where it is created"
            )
        options = settings.load(self._arguments, app.config)
        state = State(app, self, options, self._registered, self._marks)
        state.capture.install(app)
        app.extensions[KEY] = state
        app.cli.add_command(cli.group)
        self._states.add(state)

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add a plugin that is not installed as a package to the applications initialised later.

        Args:
            plugin: A module or object with functions marked `@hookimpl`.
            name: For messages and `flask chest plugins`.

        Raises:
            ConfigurationError: An application has been initialised already.
        """
        if len(self._states):
            raise ConfigurationError(
                "register() comes too late: call it before init_app, on a FlaskChest() that was "
                "made without an application"
            )
        name = name or getattr(plugin, "__name__", None) or type(plugin).__name__
        self._registered[name] = plugin

    # -- Tracking ------------------------------------------------------------------------------

    @overload
    def track(self, view: AnyView, /) -> AnyView: ...

    @overload
    def track(
        self, *variables: str | MethodPatterns, request_id: RequestIdGenerator | None = None
    ) -> Callable[[AnyView], AnyView]: ...

    def track(
        self,
        *variables: Any,
        request_id: RequestIdGenerator | None = None,
    ) -> Any:
        """Record every request to a view. Belongs directly above the function.

        Use it bare, or call it with what to keep of `flask.g`::

            @app.post("/orders")
            @chest.track("user_id", "cart_*", "!cart_secret")
            def order(): ...

        Args:
            *variables: Names, patterns with ``*``, and exclusions with a leading ``!``; or one
                dict of HTTP method to a list of these. Nothing means every public variable.
            request_id: Called with the Flask request; returns the request's ID.

        Raises:
            ConfigurationError: A pattern can match nothing, a method is unknown, or what is
                decorated is not a function.
        """
        if len(variables) == 1 and callable(variables[0]) and request_id is None:
            return self._marks.put(
                variables[0], Selection(("*",), setting="track"), None, self._called
            )
        setting = f"track({', '.join(map(repr, variables))})"
        selection: Selection
        if len(variables) == 1 and isinstance(variables[0], Mapping):
            selection = Selection(variables[0], setting=setting)
        elif all(isinstance(variable, str) for variable in variables):
            selection = Selection(variables or ("*",), setting=setting)
        else:
            raise ConfigurationError(
                f"{setting}: give names as separate strings, or one dict of HTTP method to names"
            )
        if request_id is not None and not callable(request_id):
            raise ConfigurationError(
                f"{setting}: request_id={request_id!r} is not a function of the request"
            )
        return lambda view: self._marks.put(view, selection, request_id, self._called)

    def _called(self, mark: Mark) -> None:
        if not has_request_context():  # a plain function call, as in a unit test
            return
        app = current.app()
        state: State | None = app.extensions.get(KEY)
        if state is not None:
            state.capture.called(mark)
            return
        self._throttle.log(
            logging.WARNING,
            "not initialised",
            f"{mark.name} is tracked, but nothing is recorded: the application {app.name!r} has no "
            "FlaskChest. Call init_app(app) where it is created",
        )

    # -- Delivery and the read side --------------------------------------------------------------

    def flush(self, timeout: float = 5.0) -> bool:
        """Deliver now, for all processes that share the journal.

        Args:
            timeout: Seconds to wait.

        Returns:
            True when everything that was recorded before has reached every exporter.
        """
        return self._state().export.flush(timeout)

    def stats(self) -> Stats:
        """Return the counters of this process, and how far behind each exporter is."""
        return self._state().stats()

    def store(self, name: str = "main") -> Store:
        """Return the read side of an exporter: query, count, purge and summaries.

        Raises:
            ConfigurationError: There is no such exporter, or it cannot be read.
            ExporterUnavailable: The database cannot be reached now.
        """
        return self._state().store(name)

    def close(self) -> None:
        """Deliver within CHEST_SHUTDOWN_SECONDS, then end threads and connections.

        Happens by itself when the process ends. A later tracked request starts delivery again.
        """
        self._state().close()

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins that were found, and where each comes from."""
        return list(self._state().plugins.found)

    def _state(self) -> State:
        if has_app_context():
            state: State | None = current_app.extensions.get(KEY)
            if state is not None:
                return state
            raise ChestError(
                f"The application {current_app.name!r} has no FlaskChest. Call init_app(app) first"
            )
        states = list(self._states)
        if not states:
            raise ChestError("This FlaskChest has no application. Call init_app(app) first")
        if len(states) != 1:
            raise ChestError(
                f"This FlaskChest serves {len(states)} applications: say which with "
                "`with app.app_context():`"
            )
        return states[0]


def current_request_id() -> str | None:
    """Return the ID of the current request, tracked or not; None outside of a request."""
    if not has_request_context():
        return None
    state: State | None = current_app.extensions.get(KEY)
    if state is None:
        return None
    return state.capture.request_id()


def _endpoint_patterns(patterns: Iterable[str]) -> Callable[[str], bool]:
    expressions = [fnmatch.translate(pattern) for pattern in patterns]
    for pattern in patterns:
        if not re.fullmatch(r"[\w.*-]+", pattern):
            raise ConfigurationError(
                f"CHEST_EXCLUDE_ENDPOINTS: {pattern!r} can match no endpoint. Use a name such as "
                "'static', or a pattern such as 'admin.*'",
                setting="CHEST_EXCLUDE_ENDPOINTS",
            )
    if not expressions:
        return lambda _endpoint: False
    match = re.compile("|".join(expressions)).fullmatch
    return lambda endpoint: match(endpoint) is not None

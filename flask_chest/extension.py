"""The Flask extension: what applications call."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, overload

from flask import Blueprint, current_app, has_app_context, has_request_context

# Not `flask.Flask`, which OpenTelemetry replaces with a subclass.
from flask.app import Flask

from flask_chest.app_state import AppState
from flask_chest.capture import suppression
from flask_chest.capture.decorator import AnyView, TrackDecorator
from flask_chest.capture.generators import GivenGenerator, generator
from flask_chest.capture.response_body import streaming_request_id
from flask_chest.capture.track_rule import MethodPatterns, TrackRule
from flask_chest.cli.group import group
from flask_chest.errors import ChestError, ConfigurationError
from flask_chest.plugins.discovery import PluginInfo
from flask_chest.runtime import flask_proxies
from flask_chest.runtime.counters import Stats
from flask_chest.runtime.log import Throttle
from flask_chest.settings.load import load_settings
from flask_chest.store import Store

if TYPE_CHECKING:
    from flask_chest.capture.middleware import Capture
    from flask_chest.capture.request_state import RequestState

KEY: Final = "flask_chest"
"""Key of the state in `app.extensions`."""


class FlaskChest:
    """Records what the routes of Flask applications put on `flask.g`.

    Args:
        app: The application, or None to call `init_app` later, for any number of applications.
        **arguments: Settings, named without their prefix: ``track_all=True`` is
            ``CHEST_TRACK_ALL``. They take precedence over `app.config` and the environment.

    Raises:
        ConfigurationError: A setting is unknown or wrong, or names something that cannot be used.
    """

    def __init__(self, app: Flask | None = None, **arguments: object) -> None:
        self._arguments = arguments
        self._registered: dict[str, object] = {}
        self._decorator = TrackDecorator()
        self._throttle = Throttle()
        self._states: weakref.WeakSet[AppState] = weakref.WeakSet()
        self._newest_capture: Callable[[], Capture | None] = lambda: None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Attach to an application. Calling it again with the same one does nothing.

        Raises:
            ConfigurationError: A setting is unknown or wrong, or names what cannot be used; another
                `FlaskChest` is attached; or the application has served a request.
        """
        if not isinstance(app, Flask):
            raise ConfigurationError(f"FlaskChest({app!r}): give it the Flask application itself")
        existing: AppState | None = app.extensions.get(KEY)
        if existing is not None:
            if existing.owner() is self:
                return
            raise ConfigurationError(
                f"The application {app.name!r} has a FlaskChest already. Create one, and share it "
                "among modules and applications"
            )
        try:
            # Flask refuses any setup method after the first request. This one changes nothing.
            app.endpoint(KEY)
        except AssertionError as error:
            raise ConfigurationError(
                f"The application {app.name!r} has served a request already. Call init_app "
                "where it is created"
            ) from error
        options = load_settings(self._arguments, app.config)
        state = AppState(app, self, options, self._registered, self._decorator)
        state.capture.install()
        self._decorator.has_application = True
        app.extensions[KEY] = state
        app.cli.add_command(group)
        self._states.add(state)
        self._newest_capture = weakref.ref(state.capture)

    def register_plugin(self, plugin: object, name: str | None = None) -> None:
        """Add a plugin that is not installed as a package, for applications initialised later.

        Args:
            plugin: A module or object with functions marked `@hookimpl`.
            name: Shown in messages and by `flask chest plugins`.

        Raises:
            ConfigurationError: An application has been initialised already.
        """
        if len(self._states):
            raise ConfigurationError(
                "register_plugin() comes too late: call it before init_app, on a FlaskChest() made "
                "without an application"
            )
        name = name or getattr(plugin, "__name__", None) or type(plugin).__name__
        self._registered[name] = plugin

    # -- Tracking ------------------------------------------------------------------------------

    @overload
    def track(self, view: AnyView, /) -> AnyView: ...

    @overload
    def track(
        self,
        *variables: str | MethodPatterns,
        request_id: GivenGenerator | str | None = None,
        sample_rate: float | None = None,
    ) -> Callable[[AnyView], AnyView]: ...

    def track(
        self,
        *variables: Any,
        request_id: GivenGenerator | str | None = None,
        sample_rate: float | None = None,
    ) -> Any:
        """Record every request to a view, or to all views of a blueprint.

        Use it bare, or call it with the variables to take from `flask.g`. Put it directly above
        the function::

            @app.post("/orders")
            @chest.track("user_id", "cart_*", "!cart_secret")
            def order(): ...


            chest.track("user_id", "!*_secret")(blueprint)

        A view takes precedence over its blueprint, and the blueprint over CHEST_VARIABLES.
        Exclusions of all three hold.

        Args:
            *variables: Names, patterns with ``*``, and exclusions with a leading ``!``; or one
                dict of HTTP method to a list of these. Nothing means every public variable.
            request_id: Called with the Flask request, or with nothing when it has no parameter;
                returns the request's ID, a str or a UUID. Or the name of a built-in generator
                (``"uuid7"``, ``"uuid4"``, ``"ulid"``, ``"short"``), or the path of a function,
                such as ``"shop.ids:new"``.
            sample_rate: Share of requests that is kept, 0 to 1. Replaces CHEST_SAMPLE_RATE.

        Raises:
            ConfigurationError: A pattern can match nothing, a method is unknown, or the decorated
                object is neither a function nor a blueprint.
        """
        if (
            len(variables) == 1
            and (callable(variables[0]) or isinstance(variables[0], Blueprint))
            and request_id is None
            and sample_rate is None
        ):
            rule = TrackRule.parse(("*",), setting="track")
            return self._decorator.attach(variables[0], rule, self._on_view_call)
        setting = f"track({', '.join(map(repr, variables))})"
        is_by_method = len(variables) == 1 and isinstance(variables[0], Mapping)
        if not is_by_method and not all(isinstance(variable, str) for variable in variables):
            raise ConfigurationError(
                f"{setting}: give names as separate strings, or one dict of HTTP method to names"
            )
        if sample_rate is not None and not (
            isinstance(sample_rate, (int, float)) and 0 <= sample_rate <= 1
        ):
            raise ConfigurationError(f"{setting}: sample_rate={sample_rate!r} is not from 0 to 1")
        rule = TrackRule.parse(
            variables[0] if is_by_method else variables or ("*",),
            setting=setting,
            generator=(
                None if request_id is None else generator(request_id, f"{setting}: request_id")
            ),
            sample_rate=sample_rate,
        )
        return lambda view: self._decorator.attach(view, rule, self._on_view_call)

    def _on_view_call(self, rule: TrackRule) -> None:
        try:
            request = flask_proxies.request()
        except RuntimeError:  # a plain function call, as in a unit test
            return
        capture, url_rule = self._newest_capture(), request.url_rule
        if capture is None or url_rule is None or url_rule.map is not capture.app.url_map:
            # Seldom: this FlaskChest serves several applications, or another one serves this one.
            app = flask_proxies.app()
            app_state: AppState | None = app.extensions.get(KEY)
            is_ours = app_state is not None and (
                app_state.owner() is self or not self._decorator.has_application
            )
            capture = app_state.capture if is_ours and app_state is not None else None
        if capture is not None:
            state: RequestState | None = request.environ.get(capture.key)
            if state is not None and state.is_followed:
                capture.begin_record(state, request, rule)
            else:
                capture.begin_unfollowed(request, rule)
            return
        app = flask_proxies.app()
        self._throttle.log(
            logging.WARNING,
            "not initialised",
            f"{rule.place} is tracked, but nothing is recorded: the application {app.name!r} "
            "does not have this FlaskChest. Call init_app(app) where it is created, and decorate "
            "its views with the one that it has",
        )

    @staticmethod
    def drop_request() -> None:
        """Leave no record of the current request. It keeps its ID, and the response the header.

        Outside of a request, nothing happens.
        """
        capture = _current_capture()
        if capture is not None:
            capture.current_state().is_dropped = True

    @staticmethod
    @contextmanager
    def suppressed() -> Iterator[None]:
        """Do not record what happens in the block of ``with chest.suppressed():``.

        The current request is recorded, without the variables that are put on `flask.g` within the
        block; a value that is changed in place is not noticed. Requests that begin in the block,
        such as those of a test client, leave no record. The block needs no current request.
        """
        capture = _current_capture()
        with suppression.suppressed(None if capture is None else capture.current_state()):
            yield

    # -- Delivery and the read side --------------------------------------------------------------

    def flush(self, timeout: float = 5.0) -> bool:
        """Deliver now, for all processes that share the journal.

        Args:
            timeout: Seconds to wait.

        Returns:
            True when every exporter has stored all records made before the call.
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

        Runs by itself when the process ends. A later tracked request starts delivery again.
        """
        self._state().close()

    def plugins(self) -> list[PluginInfo]:
        """Return the plugins that were found, with their origin, and those that were left out."""
        return list(self._state().plugins.found)

    def _state(self) -> AppState:
        if has_app_context():
            state: AppState | None = current_app.extensions.get(KEY)
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


def _current_capture() -> Capture | None:
    """Return the capture of the current request; None outside of one, or without FlaskChest."""
    if not has_request_context():
        return None
    state: AppState | None = current_app.extensions.get(KEY)
    return state.capture if state is not None else None


def current_request_id() -> str | None:
    """Return the ID of the current request, tracked or not; None outside of a request.

    Code that streams the body of a tracked request has the ID, too, with or without
    `flask.stream_with_context`.
    """
    capture = _current_capture()
    return capture.request_id() if capture is not None else streaming_request_id()


def request_id_header() -> str:
    """Return the response header that carries the request ID; empty for none."""
    capture = _current_capture()
    return capture.header if capture is not None else ""

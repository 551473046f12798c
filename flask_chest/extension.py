"""The Flask extension: what applications call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from flask import Blueprint

# Not `flask.Flask`, which OpenTelemetry replaces with a subclass.
from flask.app import Flask

from flask_chest._old_names import attribute, refuse_arguments
from flask_chest.app_state import AppState
from flask_chest.applications import Applications
from flask_chest.capture import suppression
from flask_chest.capture.carried import carrying
from flask_chest.capture.decorator import AnyView, TrackDecorator, exclude
from flask_chest.capture.generators import GivenGenerator
from flask_chest.capture.job import Job, Place
from flask_chest.capture.job_decorator import AnyFunction, decorate
from flask_chest.capture.track_rule import MethodPatterns, TrackRule, decorator_rule
from flask_chest.cli.group import group
from flask_chest.current import KEY, carried_by, current_capture, current_state, place_of_job
from flask_chest.errors import ConfigurationError
from flask_chest.operations import Operations
from flask_chest.plugins.registered import add_registered
from flask_chest.settings.load import Given


class FlaskChest(Operations):
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
        super().__init__(Applications(self._decorator))
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
        given = Given(self._arguments, app.config)
        with given.named_as_set():
            state = AppState(app, self, given, self._registered, self._decorator)
        state.capture.install()
        app.extensions[KEY] = state
        app.cli.add_command(group)
        self._applications.add(state)
        try:
            state.plugins.init_app(app, self, state.plugin_settings)
        except BaseException:
            state.close()  # or the error would keep the journal in use
            raise

    def register_plugin(self, plugin: object, name: str | None = None) -> None:
        """Add a plugin that is not installed as a package, for applications initialised later.

        Args:
            plugin: A module or object with functions marked `@hookimpl`.
            name: Shown in messages and by `flask chest plugins`. Unless given, that of the module
                or class, with a number behind it from the second plugin of a name on.

        Raises:
            ConfigurationError: An application has been initialised already, or another plugin has
                the given name.
        """
        if self._applications.states:
            raise ConfigurationError(
                "register_plugin() comes too late: call it before init_app, on a FlaskChest() made "
                "without an application"
            )
        add_registered(self._registered, plugin, name)

    if not TYPE_CHECKING:  # a type checker would take any name for one that is here

        def __getattr__(self, name: str) -> object:
            """Say what replaced an attribute of Flask-Chest 0.0.10."""
            said = attribute(name)
            if said is not None:
                raise AttributeError(said, name=name, obj=self)
            return self.__getattribute__(name)  # which raises once more

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
        **unknown: object,
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
            **unknown: None is taken. To those of 0.0.10, the error says what replaced them.

        Raises:
            ConfigurationError: A pattern can match nothing, a method is unknown, or the decorated
                object is neither a function nor a blueprint.
            TypeError: There is another argument.
        """
        refuse_arguments("track", unknown)
        if (
            len(variables) == 1
            and (callable(variables[0]) or isinstance(variables[0], Blueprint))
            and request_id is None
            and sample_rate is None
        ):
            rule = TrackRule.parse(("*",), setting="track")
            return self._decorator.attach(variables[0], rule, self._applications.begin_record)
        rule = decorator_rule("track", variables, request_id, sample_rate)
        return lambda view: self._decorator.attach(view, rule, self._applications.begin_record)

    @staticmethod
    def exclude(view: AnyView, /) -> AnyView:
        """Record no request to a view, or to the views of a blueprint, even with CHEST_TRACK_ALL.

        For views that are about the application itself, such as probes::

            @app.get("/healthz")
            @chest.exclude
            def healthz(): ...


            chest.exclude(blueprint)
        """
        return exclude(view)

    @staticmethod
    def drop_request() -> None:
        """Leave no record of the current request. It keeps its ID, and the response the header.

        Outside of a request, nothing happens.
        """
        capture = current_capture()
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
        with suppression.suppressed(current_state()):
            yield

    # -- Work that is no request ---------------------------------------------------------------

    def record(self, name: str, /, **variables: object) -> Job:
        """Record a block of code that serves no request, as a job.

        Use it in a command, a task, a thread or a script; in `async with`, too. It needs no
        application context::

            with chest.record("nightly-report", rows=0) as job:
                job["rows"] = run()

        The record has the method ``JOB`` and the name as its route. An exception is recorded, and
        goes on. Within a request or another job, the record has the request ID of that.

        Args:
            name: What the work is. Few names are best; CHEST_SAMPLE_RATE may have a rate for each.
            **variables: The first variables of the record.

        Raises:
            ConfigurationError: The name is no text, or an empty one.
            ChestError: When the block begins: there is no application.
        """
        return Job(name, variables, self._place_of_job)

    @overload
    def job(self, function: AnyFunction, /) -> AnyFunction: ...

    @overload
    def job(
        self, *variables: str, name: str | None = None, sample_rate: float | None = None
    ) -> Callable[[AnyFunction], AnyFunction]: ...

    def job(
        self, *variables: Any, name: str | None = None, sample_rate: float | None = None
    ) -> Any:
        """Record every call of a function that serves no request, as a job.

        Use it bare, or call it with the variables to take from `flask.g`::

            @chest.job("rows", "cost_*", "!cost_secret")
            def nightly_report():
                g.rows = run()

        Each call has an application context, and so a `flask.g`, of its own. All else is as with
        `record`.

        Args:
            *variables: Names, patterns with ``*``, and exclusions with a leading ``!``. Nothing
                means every public variable.
            name: Name of the job; None for the name of the function.
            sample_rate: Share of calls that is kept, 0 to 1. Replaces CHEST_SAMPLE_RATE.

        Raises:
            ConfigurationError: A pattern can match nothing, or the decorated object is no function
                or a generator.
            ChestError: When the function is called: there is no application.
        """
        is_bare = len(variables) == 1 and callable(variables[0])
        rule = decorator_rule("job", ("*",) if is_bare else variables, None, sample_rate)
        if is_bare:
            return decorate(variables[0], name=name, rule=rule, find_place=self._place_of_job)
        return lambda function: decorate(
            function, name=name, rule=rule, find_place=self._place_of_job
        )

    @contextmanager
    def continued(self, headers: Mapping[str, object] | None) -> Iterator[None]:
        """Give the code in the block the request ID and the trace that came with a task.

        The headers are those that `outbound_headers` returned where the task was sent::

            with chest.continued(task.request.headers), chest.record(task.name):
                ...

        Args:
            headers: May hold anything else. What is missing, or not well-formed, is passed over.

        Raises:
            ChestError: There is no application.
        """
        with carrying(carried_by(self._applications.own_or_only(), headers or {})):
            yield

    def _place_of_job(self) -> Place:
        return place_of_job(self._applications.own_or_only())

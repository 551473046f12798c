"""The applications of one FlaskChest, and which of them a call is meant for."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import current_app, has_app_context

from flask_chest.capture.carried import current_block
from flask_chest.capture.request_state import RequestState
from flask_chest.capture.response_body import streaming_request_id
from flask_chest.capture.rules import NO_PLAN
from flask_chest.capture.served import is_served
from flask_chest.current import KEY
from flask_chest.errors import ChestError
from flask_chest.runtime import flask_proxies
from flask_chest.runtime.log import Throttle

if TYPE_CHECKING:
    from flask import Request

    from flask_chest.app_state import AppState
    from flask_chest.capture.decorator import TrackDecorator
    from flask_chest.capture.middleware import Capture
    from flask_chest.capture.track_rule import TrackRule


class Applications:
    """Finds the application of a call. It keeps none of them alive.

    Args:
        decorator: Of the same FlaskChest.
    """

    def __init__(self, decorator: TrackDecorator) -> None:
        self.states: weakref.WeakSet[AppState] = weakref.WeakSet()
        self._decorator = decorator
        self._newest_capture: Callable[[], Capture | None] = lambda: None
        self._throttle = Throttle()

    def add(self, state: AppState) -> None:
        """Add an application that has been initialised."""
        self._decorator.has_application = True
        self.states.add(state)
        self._newest_capture = weakref.ref(state.capture)

    def current_or_only(self) -> AppState:
        """Return the state of the current application; outside of one, of the only one.

        Raises:
            ChestError: The current application has no FlaskChest; or there is none, or several.
        """
        if has_app_context():
            state: AppState | None = current_app.extensions.get(KEY)
            if state is not None:
                return state
            raise ChestError(
                f"The application {current_app.name!r} has no FlaskChest. Call init_app(app) first"
            )
        return self._only()

    def own_or_only(self) -> AppState:
        """Return the state of the current application if it is among these, else of the only one.

        Raises:
            ChestError: There is none, or several.
        """
        if has_app_context():
            state: AppState | None = current_app.extensions.get(KEY)
            if state is not None and state in self.states:
                return state
        return self._only()

    def begin_record(self, rule: TrackRule) -> None:
        """Begin the record of the current request, as a tracked view is called.

        Args:
            rule: What the view asks for.
        """
        try:
            request = flask_proxies.request()
        except RuntimeError:
            self._decorator.unserved.say(rule)
            return
        capture, url_rule = self._newest_capture(), request.url_rule
        if capture is None or url_rule is None or url_rule.map is not capture.app.url_map:
            if url_rule is None and not is_served(request):
                self._decorator.unserved.say(rule)
                return
            # Seldom: this FlaskChest serves several applications, or another one serves this one.
            capture = self._capture_of_current()
            if capture is None and self._is_recorded_by_another(request):
                return
        if capture is not None:
            state: RequestState | None = request.environ.get(capture.key)
            if type(state) is RequestState:  # its `is_followed` takes 200 instructions more
                capture.begin_record(state, request, rule)
                if state.request is None:
                    self._explain(state, rule)
            elif _is_begun(state, request) or is_served(request):
                capture.begin_unfollowed(request, rule)
            else:
                self._decorator.unserved.say(rule)
            return
        app = flask_proxies.app()
        self._throttle.log(
            logging.WARNING,
            "not initialised",
            f"{rule.place} is tracked, but nothing is recorded: the application {app.name!r} "
            "does not have this FlaskChest. Call init_app(app) where it is created, and decorate "
            "its views with the one that it has",
        )

    def _capture_of_current(self) -> Capture | None:
        state: AppState | None = flask_proxies.app().extensions.get(KEY)
        if state is None:
            return None
        is_ours = state in self.states or not self._decorator.has_application
        return state.capture if is_ours else None

    @staticmethod
    def _is_recorded_by_another(request: Request) -> bool:
        """Return whether the FlaskChest of the current application records it by its own rules."""
        state: AppState | None = flask_proxies.app().extensions.get(KEY)
        url_rule = request.url_rule
        if state is None or url_rule is None:
            return False
        return state.capture.rules.plan(url_rule.endpoint, request.method) is not None

    def _explain(self, state: RequestState, rule: TrackRule) -> None:
        """Say it when no record has begun because the request is over."""
        is_over = state.plan is not None and state.plan is not NO_PLAN
        # A record may be complete while the last of its response is produced.
        if is_over and streaming_request_id() is None:
            self._decorator.unserved.say(rule)

    def _only(self) -> AppState:
        block = current_block()
        if block is not None and block.carried.application is not None:
            app = block.carried.application()
            carried: AppState | None = app.extensions.get(KEY) if app is not None else None
            if carried is not None and carried in self.states:
                return carried
        states = list(self.states)
        if not states:
            raise ChestError("This FlaskChest has no application. Call init_app(app) first")
        if len(states) != 1:
            raise ChestError(
                f"This FlaskChest serves {len(states)} applications: say which with "
                "`with app.app_context():`, or wrap the function of a thread in with_request_id()"
            )
        return states[0]


def _is_begun(state: RequestState | None, request: Request) -> bool:
    return state is not None and state.request is request

"""Decides what is taken from a request, by its endpoint and method."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask_chest import current
from flask_chest.errors import ConfigurationError
from flask_chest.filter import HTTP_METHODS, Patterns, Selection
from flask_chest.log import logger

if TYPE_CHECKING:
    from flask_chest.log import Throttle
    from flask_chest.request_id import RequestIdGenerator
    from flask_chest.track import Mark, Marks


class Plan:
    """What is taken from the requests of one endpoint and method."""

    __slots__ = ("generator", "patterns")

    def __init__(self, patterns: Patterns, generator: RequestIdGenerator | None) -> None:
        self.patterns = patterns
        self.generator = generator


class Plans:
    """The plans of one application.

    Args:
        app_wide: What is taken from routes that have no `@chest.track`; None for nothing at all.
        is_excluded: Tells of an endpoint whether it is never tracked.
        marks: What `@chest.track` has marked, wherever it stands.
        throttle: Logs what is misplaced.
        raise_errors: Whether a misplaced `@chest.track` raises instead of being logged.
    """

    def __init__(
        self,
        app_wide: Selection | None,
        is_excluded: Callable[[str], bool],
        marks: Marks,
        *,
        throttle: Throttle,
        raise_errors: bool,
    ) -> None:
        self._app_wide = app_wide
        self._is_excluded = is_excluded
        self._marks = marks
        self._throttle = throttle
        self._raise_errors = raise_errors
        self._known: dict[tuple[str, str], Plan | None] = {}
        self._above_route: dict[str, Mark] | None = None

    @property
    def are_app_wide(self) -> bool:
        """Whether requests are tracked that no `@chest.track` asks for."""
        return self._app_wide is not None

    def of_endpoint(self, endpoint: str | None, method: str) -> Plan | None:
        """Return the plan for a request to an endpoint, None when it is not tracked.

        Args:
            endpoint: None when no rule matched the URL, so that only app-wide capture takes it.
            method: HTTP method.

        Raises:
            ConfigurationError: A `@chest.track` is misplaced, and `raise_errors` is set.
        """
        if endpoint is None:
            return self._of_app(method)
        try:
            return self._known[endpoint, method]
        except KeyError:
            pass
        views = current.app().view_functions
        if self._above_route is None:
            self._check(views)
        plan = None
        if not self._is_excluded(endpoint):
            mark = self._marks.of_view(views.get(endpoint), method)
            mark = mark or (self._above_route or {}).get(endpoint)
            plan = self._of_mark(mark, method) if mark else self._of_app(method)
        if method in HTTP_METHODS:  # a client may invent any number of others
            self._known[endpoint, method] = plan
        return plan

    def of_call(self, mark: Mark, endpoint: str | None, method: str) -> Plan | None:
        """Return the plan for a request whose endpoint is not tracked, but which calls a view."""
        if endpoint is not None and self._is_excluded(endpoint):
            return None
        self._throttle.log(
            logging.WARNING,
            f"hidden {endpoint}",
            f"@chest.track on {mark.name} is hidden from the endpoint {endpoint!r} by a decorator "
            "above it, or another view calls it: requests that are answered before it runs are "
            "not recorded. Use functools.wraps in that decorator, or put @chest.track directly "
            "under the route",
        )
        return self._of_mark(mark, method)

    @staticmethod
    def _of_mark(mark: Mark, method: str) -> Plan:
        return Plan(mark.selection.patterns(method), mark.generator)

    def _of_app(self, method: str) -> Plan | None:
        return Plan(self._app_wide.patterns(method), None) if self._app_wide else None

    def _check(self, views: Mapping[str, Callable[..., Any]]) -> None:
        """Say which views have `@chest.track` above the route decorator, where Flask ignores it.

        They are recorded all the same, by their endpoint.
        """
        self._above_route = self._marks.above_route(views)
        for mark in self._above_route.values():
            message = (
                f"@chest.track stands above the route decorator of {mark.name}, which registers "
                "the view without it. Put @chest.track below @app.route, next to the function"
            )
            if self._raise_errors:
                raise ConfigurationError(message)
            logger.error("%s", message)

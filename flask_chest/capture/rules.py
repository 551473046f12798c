"""Decides what is taken from a request, by its endpoint and method."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_chest.encode.patterns import HTTP_METHODS
from flask_chest.encode.variables import Pick
from flask_chest.errors import ConfigurationError
from flask_chest.runtime import flask_proxies
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask.sansio.blueprints import Blueprint

    from flask_chest.capture.decorator import Mark, Marks
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.encode.patterns import Selection
    from flask_chest.runtime.log import Throttle


class Plan:
    """What is taken from the requests of one endpoint and method.

    Attributes:
        pick: Which variables.
        generator: The route's own request-ID generator, or None.
        sample_rate: Share of the requests that is kept, from 0 to 1.
    """

    __slots__ = ("generator", "pick", "sample_rate")

    def __init__(
        self, pick: Pick, generator: RequestIdGenerator | None, sample_rate: float
    ) -> None:
        self.pick = pick
        self.generator = generator
        self.sample_rate = sample_rate


class Plans:
    """The plans of one application.

    Args:
        app_wide: CHEST_VARIABLES: what is taken from routes that have no `@chest.track` when all
            are tracked. Its exclusions hold for every route.
        track_all: Whether all are.
        is_excluded: Tells of an endpoint whether it is never tracked.
        sample_rate: Gives the share of an endpoint's requests that is kept.
        marks: What `@chest.track` has marked, wherever it stands.
        throttle: Logs what is misplaced.
        raise_errors: Whether a misplaced `@chest.track` raises instead of being logged.
    """

    def __init__(
        self,
        app_wide: Selection,
        *,
        track_all: bool,
        is_excluded: Callable[[str], bool],
        sample_rate: Callable[[str | None], float],
        marks: Marks,
        throttle: Throttle,
        raise_errors: bool,
    ) -> None:
        self._app_wide = app_wide
        self._is_app_wide = track_all
        self._is_excluded = is_excluded
        self._sample_rate = sample_rate
        self._marks = marks
        self._throttle = throttle
        self._raise_errors = raise_errors
        self.known: dict[tuple[str | None, str], Plan | None] = {}
        """What `of_endpoint` has returned for an endpoint and an HTTP method."""
        self._called: dict[tuple[Mark, str | None, str], Plan] = {}
        self._above_route: dict[str, Mark] | None = None

    @property
    def are_app_wide(self) -> bool:
        """Whether requests are tracked that no `@chest.track` asks for."""
        return self._is_app_wide

    def of_endpoint(self, endpoint: str | None, method: str) -> Plan | None:
        """Return the plan for a request to an endpoint, None when it is not tracked.

        Args:
            endpoint: None when no rule matched the URL, so that only app-wide capture takes it.
            method: HTTP method.

        Raises:
            ConfigurationError: A `@chest.track` is misplaced, and `raise_errors` is set.
        """
        try:
            return self.known[endpoint, method]
        except KeyError:
            pass
        plan = None
        if endpoint is None:
            if self._is_app_wide:
                plan = self._plan(None, (), None, method)
        elif not self._is_excluded(endpoint):
            app = flask_proxies.app()
            if self._above_route is None:
                self._check(app.view_functions)
            mark = self._marks.of_view(app.view_functions.get(endpoint), method)
            mark = mark or (self._above_route or {}).get(endpoint)
            outer = self._of_blueprints(endpoint, app.blueprints)
            if mark or outer or self._is_app_wide:
                plan = self._plan(mark, outer, endpoint, method)
        if method in HTTP_METHODS:  # a client may invent any number of others
            self.known[endpoint, method] = plan
        return plan

    def _of_blueprints(self, endpoint: str, blueprints: Mapping[str, Blueprint]) -> list[Mark]:
        """Return the marks of the blueprints that an endpoint is in, the innermost first."""
        found = []
        name = endpoint
        while "." in name:
            name = name.rpartition(".")[0]
            mark = self._marks.of_blueprint(blueprints.get(name))
            if mark is not None:
                found.append(mark)
        return found

    def of_call(self, mark: Mark, endpoint: str | None, method: str) -> Plan | None:
        """Return the plan for a request whose endpoint is not tracked, but which calls a view."""
        if endpoint is not None and self._is_excluded(endpoint):
            return None
        known = self._called.get((mark, endpoint, method))
        if known is not None:
            return known
        self._throttle.log(
            logging.WARNING,
            f"hidden {endpoint}",
            f"@chest.track on {mark.name} is hidden from the endpoint {endpoint!r} by a decorator "
            "above it, or another view calls it: requests that are answered before it runs are "
            "not recorded. Use functools.wraps in that decorator, or put @chest.track directly "
            "under the route",
        )
        outer = self._of_blueprints(endpoint or "", flask_proxies.app().blueprints)
        plan = self._plan(mark, outer, endpoint, method)
        if method in HTTP_METHODS:
            self._called[mark, endpoint, method] = plan
        return plan

    def _plan(
        self, mark: Mark | None, outer: Sequence[Mark], endpoint: str | None, method: str
    ) -> Plan:
        """Return what the innermost of view, blueprints and application asks for.

        The exclusions of all of them hold.
        """
        wanted = [each.wanted for each in (*([mark] if mark else []), *outer)]
        selections = [*(each.selection for each in wanted), self._app_wide]
        patterns = [selection.patterns(method) for selection in selections]
        rates = [each.sample_rate for each in wanted if each.sample_rate is not None]
        return Plan(
            Pick(patterns[0], patterns[1:]),
            next((each.generator for each in wanted if each.generator is not None), None),
            rates[0] if rates else self._sample_rate(endpoint),
        )

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

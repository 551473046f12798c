"""Rules: what is taken from a request, by its endpoint and HTTP method, and from a job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_chest.capture.decorator import is_excluded
from flask_chest.capture.facts import Facts
from flask_chest.capture.served import is_served
from flask_chest.encode.given import GivenNames
from flask_chest.encode.patterns import HTTP_METHODS, NOTHING
from flask_chest.errors import ConfigurationError
from flask_chest.runtime import flask_proxies
from flask_chest.runtime.log import logger

if TYPE_CHECKING:
    from flask.sansio.blueprints import Blueprint

    from flask_chest.capture.decorator import TrackDecorator
    from flask_chest.capture.facts import Prefixes
    from flask_chest.capture.generators import RequestIdGenerator
    from flask_chest.capture.track_rule import TrackRule
    from flask_chest.encode.patterns import Patterns
    from flask_chest.runtime.log import Throttle


_MAX_DECORATED: Final = 1_024


class Plan:
    """What is taken from the requests of one endpoint and method.

    Attributes:
        patterns: Which variables.
        generator: The route's own request-ID generator, or None.
        sample_rate: Share of the requests that is kept, from 0 to 1.
        facts: Reads the facts that the patterns take; None when they take none.
        is_plain: Whether it takes no facts, and all of its requests are kept.
    """

    __slots__ = ("facts", "generator", "is_plain", "patterns", "sample_rate")

    def __init__(
        self,
        patterns: Patterns,
        generator: RequestIdGenerator | None,
        sample_rate: float,
        facts: Facts | None = None,
    ) -> None:
        self.patterns = patterns
        self.generator = generator
        self.sample_rate = sample_rate
        self.facts = facts
        self.is_plain = facts is None and sample_rate >= 1.0


NO_PLAN: Final = Plan(NOTHING, None, 0.0, None)
"""The plan of a request that cannot be recorded, because of a fault of capture."""

TOO_LATE: Final = Plan(NOTHING, None, 0.0, None)
"""The plan of a request that was not tracked, and that nobody follows any more."""


class Rules:
    """The rules of one application. They give the plan of a request.

    Args:
        app_wide: CHEST_VARIABLES: what is taken from routes without `@chest.track` when all are
            tracked. Its exclusions hold for every route.
        track_all: Whether routes without `@chest.track` are tracked, too.
        is_excluded: Returns whether an endpoint is never tracked.
        sample_rate: Returns the share of an endpoint's requests that is kept.
        decorator: Knows where `@chest.track` stands.
        throttle: Logs a misplaced `@chest.track`.
        raise_errors: Whether a misplaced `@chest.track` raises instead of being logged.
        client_ip_prefix: To how many bits the address of a client is cut; None for all of it.

    Attributes:
        track_all: Whether requests are tracked that no `@chest.track` asks for.
        plans: What `plan` has returned for an endpoint and an HTTP method.
    """

    def __init__(
        self,
        app_wide: TrackRule,
        *,
        track_all: bool,
        is_excluded: Callable[[str], bool],
        sample_rate: Callable[[str | None], float],
        decorator: TrackDecorator,
        throttle: Throttle,
        raise_errors: bool,
        client_ip_prefix: Prefixes | None = None,
    ) -> None:
        self.track_all = track_all
        self.plans: dict[tuple[str | None, str], Plan | None] = {}
        self._app_wide = app_wide
        self._is_excluded = is_excluded
        self._sample_rate = sample_rate
        self._decorator = decorator
        self._throttle = throttle
        self._raise_errors = raise_errors
        self._client_ip_prefix = client_ip_prefix
        self._hidden_plans: dict[tuple[TrackRule, str | None, str], Plan] = {}
        self._above_route: dict[str, TrackRule] | None = None
        # Those of every method hold for jobs, which have none.
        self._for_jobs = (app_wide.other_methods, *app_wide.by_method.values())
        self._given = GivenNames(self._for_jobs)
        self._job_patterns: dict[TrackRule, Patterns] = {}

    def plan(
        self, endpoint: str | None, method: str, hidden: TrackRule | None = None
    ) -> Plan | None:
        """Return the plan of a request, or None when it is not tracked.

        Args:
            endpoint: None when no URL rule matched.
            method: HTTP method.
            hidden: The rule of a view that is about to run, in case that the endpoint has none.

        Raises:
            ConfigurationError: A `@chest.track` is misplaced, and `raise_errors` is set.
        """
        if (endpoint, method) not in self.plans:
            plan = self._plan_of_endpoint(endpoint, method)
            if method in HTTP_METHODS:  # a client may invent any number of others
                self.plans[endpoint, method] = plan
        else:
            plan = self.plans[endpoint, method]
        if plan is None and hidden is not None:
            return self._plan_of_hidden(hidden, endpoint, method)
        return plan

    def excludes(self, endpoint: str) -> bool:
        """Return whether CHEST_EXCLUDE_ENDPOINTS or `chest.exclude` excludes an endpoint."""
        if self._is_excluded(endpoint):
            return True
        app, name = flask_proxies.app(), endpoint
        if is_excluded(app.view_functions.get(endpoint)):
            return True
        while "." in name:
            name = name.rpartition(".")[0]
            if is_excluded(app.blueprints.get(name)):
                return True
        return False

    def _plan_of_endpoint(self, endpoint: str | None, method: str) -> Plan | None:
        plan = None
        if endpoint is None:
            if self.track_all:
                plan = self._combined([], None, method)
        elif not self.excludes(endpoint):
            app = flask_proxies.app()
            if self._above_route is None:
                self._find_misplaced(app.view_functions)
            rule = self._decorator.view_rule(app.view_functions.get(endpoint), method)
            rule = rule or (self._above_route or {}).get(endpoint)
            rules = [*([rule] if rule else []), *self._blueprint_rules(endpoint, app.blueprints)]
            if rules or self.track_all:
                plan = self._combined(rules, endpoint, method)
        return plan

    def _plan_of_hidden(self, rule: TrackRule, endpoint: str | None, method: str) -> Plan | None:
        """Return the plan of a request whose endpoint has no rule, but which runs a tracked view.

        Args:
            rule: That of the view.
            endpoint: None when no URL rule matched.
            method: HTTP method.
        """
        if endpoint is not None and self.excludes(endpoint):
            return None
        if not is_served(flask_proxies.request()):
            # An application with a route such as `/<path:path>` has an endpoint for any path.
            self._decorator.unserved.say(rule)
            return None
        known = self._hidden_plans.get((rule, endpoint, method))
        if known is not None:
            return known
        self._throttle.log(
            logging.WARNING,
            f"hidden {endpoint}",
            f"@chest.track on {rule.place} is hidden from the endpoint {endpoint!r}: a decorator "
            "stands above it, or another view calls it. Requests that are answered before it runs "
            "are not recorded. Use functools.wraps in that decorator, or put @chest.track directly "
            "under the route",
        )
        blueprints = flask_proxies.app().blueprints
        rules = [rule, *self._blueprint_rules(endpoint or "", blueprints)]
        plan = self._combined(rules, endpoint, method)
        if method in HTTP_METHODS:
            self._hidden_plans[rule, endpoint, method] = plan
        return plan

    def job_plan(self, name: str, rule: TrackRule | None) -> Plan | None:
        """Return the plan of a job, or None when CHEST_EXCLUDE_ENDPOINTS excludes its name.

        Args:
            name: Stands where a request has its endpoint.
            rule: What a decorated function takes from `flask.g`; None takes all that the job is
                given.
        """
        if self._is_excluded(name):
            return None
        if rule is None:
            return Plan(self._given, None, self._sample_rate(name))
        patterns = self._job_patterns.get(rule)
        if patterns is None:
            if len(self._job_patterns) >= _MAX_DECORATED:  # functions may be decorated at any time
                self._job_patterns.clear()
            patterns = self._job_patterns[rule] = rule.other_methods.within(self._for_jobs)
        rate = rule.sample_rate
        return Plan(patterns, None, self._sample_rate(name) if rate is None else rate)

    def _combined(self, rules: Sequence[TrackRule], endpoint: str | None, method: str) -> Plan:
        """Return the plan that rules make together, those of the application included.

        The innermost decides what is taken; the exclusions of all of them hold.

        Args:
            rules: The innermost first: that of the view, then those of its blueprints.
            endpoint: None when no URL rule matched.
            method: HTTP method.
        """
        patterns, *outer = (rule.patterns(method) for rule in (*rules, self._app_wide))
        rates = [rule.sample_rate for rule in rules if rule.sample_rate is not None]
        patterns = patterns.within(outer)
        return Plan(
            patterns,
            next((rule.generator for rule in rules if rule.generator is not None), None),
            rates[0] if rates else self._sample_rate(endpoint),
            Facts.of(patterns, self._client_ip_prefix),
        )

    def _find_misplaced(self, views: Mapping[str, Callable[..., Any]]) -> None:
        """Find the rules that stand above a route decorator, once, and log them.

        Flask registers such a view without its rule. It is recorded all the same, by its endpoint.
        """
        self._above_route = self._decorator.above_route(views)
        for rule in self._above_route.values():
            message = (
                f"@chest.track stands above the route decorator of {rule.place}, which registers "
                "the view without it. Its requests are recorded all the same. Put @chest.track "
                "below @app.route, next to the function"
            )
            if self._raise_errors:
                raise ConfigurationError(message)
            logger.warning("%s", message)

    def _blueprint_rules(
        self, endpoint: str, blueprints: Mapping[str, Blueprint]
    ) -> list[TrackRule]:
        """Return the rules of the blueprints that an endpoint is in, the innermost first."""
        found = []
        name = endpoint
        while "." in name:
            name = name.rpartition(".")[0]
            rule = self._decorator.rule_of(blueprints.get(name))
            if rule is not None:
                found.append(rule)
        return found

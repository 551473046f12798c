"""`Access`: who may look, and who may change something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_chest_dashboard.decision import Decision
from flask_chest_dashboard.session import Session

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.wrappers import Response

    from flask_chest_dashboard.config import DashboardSettings


class Access:
    """Decides who may look, and who may change something.

    Args:
        settings: Of the dashboard.

    Attributes:
        session: Of who has logged in with the password; None when there is no password.
    """

    def __init__(self, settings: DashboardSettings) -> None:
        allow, manage = settings.dashboard_allow, settings.dashboard_manage
        self._allow = None if allow is None else Decision(allow, "CHEST_DASHBOARD_ALLOW")
        self._manage = (
            manage if isinstance(manage, bool) else Decision(manage, "CHEST_DASHBOARD_MANAGE")
        )
        self.session: Session | None = None
        if settings.dashboard_user is not None and settings.dashboard_password_hash is not None:
            self.session = Session(
                settings.dashboard_user,
                settings.dashboard_password_hash.get_secret_value(),
                settings.dashboard_prefix,
            )

    def ask(self, request: Request) -> bool | Response:
        """Return whether whoever sent a request may look; or what the application answers else."""
        if self.has_session(request):
            return True
        return False if self._allow is None else self._allow.ask(request)

    def may_manage(self, request: Request) -> bool:
        """Return whether who may look may retry and drop dead letters, too."""
        if isinstance(self._manage, bool):
            return self._manage
        return self._manage.ask(request) is True

    def has_session(self, request: Request) -> bool:
        """Return whether whoever sent a request has logged in with the password."""
        return self.session is not None and self.session.is_there(request)

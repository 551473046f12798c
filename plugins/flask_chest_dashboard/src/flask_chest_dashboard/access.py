"""Who may look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Request

    from flask_chest_dashboard.config import DashboardSettings


class Access:
    """Decides who may look, and who may change something.

    Args:
        settings: Of the dashboard.
    """

    def __init__(self, settings: DashboardSettings) -> None:
        self._allow = settings.dashboard_allow
        self._manage = settings.dashboard_manage

    def may_look(self, request: Request) -> bool:
        """Return whether whoever sent a request may look."""
        return self._allow is not None and bool(self._allow(request))

    def may_manage(self, request: Request) -> bool:
        """Return whether whoever sent a request may retry and drop dead letters."""
        if isinstance(self._manage, bool):
            return self._manage
        return bool(self._manage(request))

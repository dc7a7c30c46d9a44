"""Alerts and the audit log."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Records(Transport):
    """Calls about: alerts and the audit log."""

    def alerts(self) -> Iterator[views.AlertView]:
        """All alerts, the newest first."""
        yield from self.pages("/v1/alerts", views.Page[views.AlertView], {})

    def acknowledge(self, alert_id: str, reason: str) -> views.AlertView:
        """An emergency was seen."""
        body = views.AlertVerb(reason=reason)
        return self.send("POST", f"/v1/alerts/{safe(alert_id)}/acknowledge", body, views.AlertView)

    def check_audit(self, known: str | None = None) -> views.AuditCheck:
        """Whether the audit log is whole."""
        return self.get("/v1/audit/check", views.AuditCheck, {"known": known})

    def audit(self) -> Iterator[views.AuditView]:
        """All acts, the newest first."""
        yield from self.pages("/v1/audit", views.Page[views.AuditView], {})

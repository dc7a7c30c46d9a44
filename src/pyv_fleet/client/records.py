"""The audit log."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport
from pyv_fleet.core import views


class Records(Transport):
    """Calls about: the audit log."""

    def check_audit(self, known: str | None = None) -> views.AuditCheck:
        """Whether the audit log is whole."""
        return self.get("/v1/audit/check", views.AuditCheck, {"known": known})

    def audit(self) -> Iterator[views.AuditView]:
        """All acts, the newest first."""
        yield from self.pages("/v1/audit", views.Page[views.AuditView], {})

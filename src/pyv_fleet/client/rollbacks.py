"""Rollbacks."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Rollbacks(Transport):
    """Calls about: rollbacks."""

    def rollback(self, spec: views.RollbackSpec) -> views.RollbackView:
        """Roll back, or say what it would touch (`dry_run`)."""
        return self.send("POST", "/v1/rollbacks", spec, views.RollbackView)

    def rollbacks(self) -> Iterator[views.RollbackView]:
        """All, newest first."""
        return self.pages("/v1/rollbacks", views.Page[views.RollbackView], {"limit": 100})

    def rollback_status(self, rollback_id: str) -> views.RollbackView:
        """How far it is; `last` = the newest."""
        return self.get(f"/v1/rollbacks/{safe(rollback_id)}", views.RollbackView)

    def rollback_report(self, rollback_id: str) -> views.RollbackReport:
        """All of it, each device with its seconds or its cause."""
        return self.get(f"/v1/rollbacks/{safe(rollback_id)}/report", views.RollbackReport)

    def rollback_acks(self, rollback_id: str, after: int) -> views.RollbackAcks:
        """Who acknowledged after the first `after`, in order, at most 1,000."""
        path = f"/v1/rollbacks/{safe(rollback_id)}/acknowledgements"
        return self.get(path, views.RollbackAcks, {"after": after, "limit": 1000})

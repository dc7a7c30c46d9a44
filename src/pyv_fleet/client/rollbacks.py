"""Rollbacks."""

from __future__ import annotations

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Rollbacks(Transport):
    """Calls about: rollbacks."""

    def rollback(self, spec: views.RollbackSpec) -> views.RollbackView:
        """Roll back, or say what it would touch (`dry_run`)."""
        return self.send("POST", "/v1/rollbacks", spec, views.RollbackView)

    def rollback_status(self, rollback_id: str) -> views.RollbackView:
        """Who has acknowledged."""
        return self.get(f"/v1/rollbacks/{safe(rollback_id)}", views.RollbackView)

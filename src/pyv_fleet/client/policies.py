"""Policies."""

from __future__ import annotations

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views
from pyv_fleet.core.policy import Policy


class Policies(Transport):
    """Calls about: policies."""

    def policies(self) -> list[views.PolicyView]:
        """Every policy."""
        return self.get("/v1/policies", list[views.PolicyView])

    def policy(self, name: str) -> views.PolicyView:
        """One policy."""
        return self.get(f"/v1/policies/{safe(name)}", views.PolicyView)

    def put_policy(
        self, name: str, terms: Policy, *, reason: str | None = None, seen: str | None = None
    ) -> views.PolicyView:
        """Make it, or set all its terms; Conflict if others stand than `seen`."""
        query = {"reason": reason}
        return self.send("PUT", f"/v1/policies/{safe(name)}", terms, views.PolicyView, query, seen=seen)

    def delete_policy(self, name: str, reason: str | None = None) -> None:
        """Take it away."""
        self.answer("DELETE", f"/v1/policies/{safe(name)}", query={"reason": reason})

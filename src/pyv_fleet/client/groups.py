"""Groups."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Groups(Transport):
    """Calls about: groups."""

    def groups(self) -> list[views.GroupView]:
        """Every group."""
        return self.get("/v1/groups", list[views.GroupView])

    def group(self, name: str) -> views.GroupView:
        """One group."""
        return self.get(f"/v1/groups/{safe(name)}", views.GroupView)

    def group_members(self, name: str) -> Iterator[views.GroupMemberView]:
        """Who is in it, and how each does."""
        yield from self.pages(f"/v1/groups/{safe(name)}/members", views.Page[views.GroupMemberView], {"limit": 1000})

    def put_group(self, name: str, body: views.GroupBody, *, seen: str | None = None) -> views.GroupView:
        """Make a group or set it whole; with `dry_run` only what it would touch. Conflict if another stands than
        `seen`."""
        return self.send("PUT", f"/v1/groups/{safe(name)}", body, views.GroupView, seen=seen)

    def move_group(self, name: str, move: str, body: views.GroupVerb) -> views.GroupView:
        """`delete`, `revert` or `resume`."""
        return self.send("POST", f"/v1/groups/{safe(name)}/{move}", body, views.GroupView)

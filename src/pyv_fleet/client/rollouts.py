"""Rollouts."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Rollouts(Transport):
    """Calls about: rollouts."""

    def create_rollout(self, spec: views.RolloutSpec) -> views.RolloutView:
        """Make and start a rollout."""
        return self.send("POST", "/v1/rollouts", spec, views.RolloutView)

    def plan_rollout(self, spec: views.RolloutSpec) -> views.PlanView:
        """What it would do; nothing is done."""
        return self.send("POST", "/v1/rollouts/plan", spec, views.PlanView)

    def rollouts(self) -> Iterator[views.RolloutView]:
        """All rollouts, the newest first."""
        yield from self.pages("/v1/rollouts", views.Page[views.RolloutView], {})

    def rollout(self, rollout_id: str) -> views.RolloutView:
        """One rollout, by id or name."""
        return self.get(f"/v1/rollouts/{safe(rollout_id)}", views.RolloutView)

    def rollout_devices(
        self, rollout_id: str, wave: int | None = None, standing: str | None = None
    ) -> Iterator[views.MemberView]:
        """By which devices a wave is judged, and where each stands."""
        asked = {"wave": wave, "standing": standing}
        path = f"/v1/rollouts/{safe(rollout_id)}/devices"
        yield from self.pages(path, views.Page[views.MemberView], {k: v for k, v in asked.items() if v is not None})

    def move_rollout(self, rollout_id: str, move: str, body: views.RolloutVerb) -> views.RolloutView:
        """Start, approve, pause, resume, promote, retry, skip or abort it."""
        return self.send("POST", f"/v1/rollouts/{safe(rollout_id)}/{move}", body, views.RolloutView)

    def forget_rollout(self, rollout_id: str, body: views.RolloutVerb) -> views.RolloutView:
        """Let one that has ended go of its name."""
        return self.send("POST", f"/v1/rollouts/{safe(rollout_id)}/forget", body, views.RolloutView)

    def undo_rollout(self, rollout_id: str, body: views.RolloutVerb) -> views.RollbackView:
        """Take back one that has ended."""
        return self.send("POST", f"/v1/rollouts/{safe(rollout_id)}/undo", body, views.RollbackView)

"""Releases and configs."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views


class Releases(Transport):
    """Calls about: releases and configs."""

    def publish_release(self, upload: views.ReleaseUpload, *, unchecked: bool = False) -> views.ReleaseView:
        """Upload a signed release; `unchecked` (admin) takes a config that does not validate."""
        query = {"unchecked": "true"} if unchecked else {}
        return self.send("POST", "/v1/releases", upload, views.ReleaseView, query)

    def releases(self) -> Iterator[views.ReleaseView]:
        """All releases, the newest first."""
        yield from self.pages("/v1/releases", views.Page[views.ReleaseView], {})

    def release(self, ref: str) -> views.ReleaseView:
        """One release, by digest or version."""
        return self.get(f"/v1/releases/{safe(ref)}", views.ReleaseView)

    def release_envelope(self, ref: str) -> bytes:
        """A release's signed envelope."""
        return self.answer("GET", f"/v1/releases/{safe(ref)}/envelope").content

    def release_provenance(self, ref: str) -> bytes:
        """The signed statement of where a release comes from."""
        return self.answer("GET", f"/v1/releases/{safe(ref)}/provenance").content

    def yank(self, ref: str, body: views.YankBody) -> views.YankedView:
        """Withdraw a release, or allow it again."""
        return self.send("POST", f"/v1/releases/{safe(ref)}/yank", body, views.YankedView)

    def promote(self, ref: str, body: views.PromoteBody) -> views.RolloutView:
        """Roll out on one channel what another has proved."""
        return self.send("POST", f"/v1/releases/{safe(ref)}/promote", body, views.RolloutView)

    def blob(self, sha256: str) -> bytes:
        """A config's bytes."""
        return self.answer("GET", f"/v1/blobs/{safe(sha256)}").content

"""Trust documents, enrolment tokens, keys."""

from __future__ import annotations

from pyv_fleet.client.transport import Transport
from pyv_fleet.core import keys, views


class Trust(Transport):
    """Calls about: trust documents, enrolment tokens, keys."""

    def create_token(self, spec: views.TokenSpec) -> views.TokenMade:
        """Make an enrolment token."""
        return self.send("POST", "/v1/tokens", spec, views.TokenMade)

    def create_key(self, spec: keys.KeySpec) -> keys.KeyMade:
        """Make a person's or program's key."""
        return self.send("POST", "/v1/keys", spec, keys.KeyMade)

    def trust_document(self, version: int) -> bytes:
        """One trust document."""
        return self.answer("GET", f"/v1/trust/{version}").content

    def put_trust(self, version: int, document: bytes) -> None:
        """Put the next trust document in force."""
        self.answer("PUT", f"/v1/trust/{version}", document)

"""What the API says of a bundle."""

from __future__ import annotations

import msgspec


class BundleView(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle's archive at the controller, or how far its upload is."""

    sha256: str
    #: bytes of the whole
    size: int
    #: bytes that are here
    received: int
    #: whether devices can have it
    complete: bool

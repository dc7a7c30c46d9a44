"""`BundleVerifier`: today the trust anchor alone; verifying bundles comes with their signing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pyvorin_edge import wire
from pyvorin_edge.trust import Trust, TrustError, parse_anchor

#: Where the article installs it.
BASE_DIR: Final = Path("/opt/pyvorin-edge")
#: Another directory, for a device that keeps its state elsewhere.
BASE_DIR_VARIABLE: Final = "PYVORIN_EDGE_DIR"
ANCHOR_NAME: Final = "trust_anchor.json"


class BundleVerifier:
    """Reads what a device trusts from `base_dir`, else $PYVORIN_EDGE_DIR, else /opt/pyvorin-edge."""

    def __init__(self, base_dir: str | Path | None = None) -> None:
        self._path = Path(base_dir or os.environ.get(BASE_DIR_VARIABLE) or BASE_DIR) / ANCHOR_NAME

    def load_trust_anchor(self) -> bytes:
        """The 32 bytes of the root's Ed25519 public key; TrustError if the file is missing, unreadable or malformed."""
        return self.load_trust().anchor_key

    def load_trust(self) -> Trust:
        """The trust to start from: the key alone (the article's form), or with the second form's trust document."""
        try:
            with self._path.open("rb") as file:
                data = file.read(wire.TRUST_BYTES_MAX + 1)
        except OSError as why:
            raise TrustError(
                f"cannot read the trust anchor {self._path}: {why.strerror}; provision the device"
            ) from why
        try:
            return parse_anchor(data)
        except TrustError as why:
            raise TrustError(f"{self._path}: {why}") from why

"""What can be wrong with a bundle, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.vocabulary import BundleFault

SHOWN_LENGTH_MAX: Final = 200
_SIGN_AGAIN: Final = "sign the bundle again from a clean directory"
_TAKE_AGAIN: Final = "fetch or copy the bundle again; if it stays so, someone changed it"

#: What to do about each fault.
REMEDIES: Final[Mapping[BundleFault, str]] = {
    BundleFault.MANIFEST: "make it with pyv-edge-sign",
    BundleFault.DIGEST: "use the bundle that the release was made from",
    BundleFault.SIGNATURE: "sign it with the keys that the newest trust document names for releases",
    BundleFault.PATH: "rename it: relative, '/' between names, no '..', no control characters, Unicode in form NFC",
    BundleFault.CLASH: "rename one of the two",
    BundleFault.LIMIT: "take out what the device does not need, or split the bundle",
    BundleFault.KIND: "put a plain file in its place: links, devices and sockets cannot be signed",
    BundleFault.EXTRA: f"remove it, or {_SIGN_AGAIN}",
    BundleFault.MISSING: _TAKE_AGAIN,
    BundleFault.CONTENT: _TAKE_AGAIN,
    BundleFault.MODE: "restore the permissions (0755 if the manifest lists it as executable, else 0644)",
    BundleFault.ARCHIVE: "pack it with pyv-edge-sign --archive",
    BundleFault.CUT_SHORT: "resume or repeat the download",
    BundleFault.OCCUPIED: "name a directory that is empty or does not exist",
    BundleFault.KEY: "give a file of mode 0600 with the 64 hex characters (or 32 bytes) of an Ed25519 seed",
}


class BundleError(PyvorinError):
    """Root of this package's errors: `fault` is the code, `where` a path or name, `detail` what was found.

    What the disk itself refuses (full, read-only, broken) stays an OSError.
    """

    def __init__(self, fault: BundleFault, where: str, detail: str) -> None:
        super().__init__(f"{_shown(where)}: {fault.sentence}: {_shown(detail)}; {REMEDIES[fault]}")
        self.fault = fault
        self.where = where
        self.detail = detail


def _shown(text: str) -> str:
    """Harmless on a terminal, and short: strangers chose it."""
    plain = text if text.isprintable() else ascii(text)
    return plain if len(plain) <= SHOWN_LENGTH_MAX else f"{plain[:SHOWN_LENGTH_MAX]}…"

"""Bundles over the API, up and down, in pieces: whatever was cut off goes on where it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from pyv_fleet.client import ClientError, FleetClient, Refused
from pyv_fleet.core.bundles import BundleView

#: Within the API's limit of a piece, and within its minute on a line of 0.6 Mbit/s.
PIECE_BYTES: Final = 4 * 1024 * 1024


class BundleClient(FleetClient):
    """The client's part for files."""

    def upload_bundle(self, archive: Path) -> BundleView:
        """Bring an archive to the controller; what is there of it already is not sent again."""
        with archive.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            total = file.tell()
            if total == 0:
                raise Refused(f"{archive}: is empty")
            view = self._put(sha256, f"bytes */{total}", b"")
            while not view.complete:
                file.seek(view.received)
                piece = file.read(PIECE_BYTES)
                if not piece:
                    raise Refused(f"{archive}: changed while it was uploaded; try again")
                view = self._put(sha256, f"bytes {view.received}-{view.received + len(piece) - 1}/{total}", piece)
        return view

    def download_bundle(self, sha256: str, size: int, into: BinaryIO) -> None:
        """Write a bundle's archive into an open file; Refused if it is not the one of that name."""
        found = hashlib.sha256()
        for first in range(0, size, PIECE_BYTES):
            last = min(first + PIECE_BYTES, size) - 1
            piece = self.answer("GET", f"/v1/bundles/{sha256}", headers={"Range": f"bytes={first}-{last}"}).content
            found.update(piece)
            into.write(piece)
        if found.hexdigest() != sha256:
            raise Refused(f"the controller's bundle {sha256} has another content")

    def _put(self, sha256: str, content_range: str, piece: bytes) -> BundleView:
        headers = {"Content-Range": content_range, "Content-Type": "application/octet-stream"}
        answer = self.answer("PUT", f"/v1/bundles/{sha256}", piece, headers=headers).content
        try:
            return msgspec.json.decode(answer, type=BundleView)
        except msgspec.DecodeError as why:
            raise ClientError(f"the controller's answer cannot be read: {why}") from None

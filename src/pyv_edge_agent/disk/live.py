"""The live config file: the one file here that people edit too, so its place and permissions are theirs."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.disk.atomic import mode_of, private_dir, read_bytes, write_durably


class LiveFile:
    """The file that the agent runs on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """Its bytes, none if it is not there; DiskError if it cannot be read."""
        return read_bytes(self.path)

    def put(self, data: bytes) -> bool:
        """Replace it in one step, unless it says the same already; whether it was written. DiskError leaves the old."""
        if read_bytes(self.path) == data:
            return False
        private_dir(self.path.parent)
        write_durably(self.path, data, mode=mode_of(self.path))
        return True

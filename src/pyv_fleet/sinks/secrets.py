"""Secrets of sinks: out of a file that only its owner reads, or out of the environment; read anew at each use."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pyv_fleet.sinks.interface import NotTaken

BYTES_MAX: Final = 16 * 1024


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is; never the secret."""

    file: Path | None = None
    variable: str = ""

    def __bool__(self) -> bool:
        return self.file is not None or bool(self.variable)

    def read(self, environment: Mapping[str, str] = os.environ) -> str:
        """The secret; NotTaken names where it should be, never what was found there."""
        text = self._from_file() if self.file is not None else environment.get(self.variable, "")
        if not text.strip() or not text.isascii():
            where = self.file or f"environment variable {self.variable}"
            raise NotTaken(f"{where}: holds no secret: plain letters, digits and signs are wanted")
        return text.strip()

    def _from_file(self) -> str:
        path = self.file or Path()
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                found = file.read(BYTES_MAX)
        except OSError as why:
            raise NotTaken(f"{path}: {why.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise NotTaken(f"{path}: others may read it: chmod 600 {path}")
        return found.decode("utf-8", errors="replace")

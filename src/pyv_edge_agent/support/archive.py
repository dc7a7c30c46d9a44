"""The archive itself: the same parts give the same bytes; each part that fails says so inside and harms no other."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from pyv_edge_agent.support.hiding import Hider

SUMMARY: Final = "summary.json"
#: a history or log that grew beyond every bound must not fill the disk that it explains
PART_BYTES_MAX: Final = 4 * 1024 * 1024
_CUT: Final = b"\n[cut off here]\n"

Makers = Mapping[str, Callable[[], bytes]]
"""File name → what makes its bytes; whatever it raises is told in the summary."""


class Made(msgspec.Struct, frozen=True):
    """An archive and how each part went."""

    data: bytes
    #: file name → why it is not in the archive; none = it is
    parts: dict[str, str | None]


def make(folder: str, makers: Makers, hider: Hider, at_seconds: int) -> Made:
    """All parts, without secrets, as .tar.gz with one folder in it."""
    files: dict[str, bytes] = {}
    told: dict[str, str | None] = {}
    for name, maker in makers.items():
        try:
            files[name] = hider.hidden(maker())[:PART_BYTES_MAX]
            told[name] = None
        except Exception as why:  # noqa: BLE001 - a broken device is what this is for
            told[name] = hider.hidden(f"{type(why).__name__}: {why}".encode("utf-8", "replace")).decode(
                "utf-8", "replace"
            )
        else:
            if len(files[name]) == PART_BYTES_MAX:
                files[name] += _CUT
    summary = {"made_at": at_seconds, "parts": {name: why or "whole" for name, why in told.items()}}
    files[SUMMARY] = hider.hidden(json.dumps(summary, indent=1, sort_keys=True).encode())
    return Made(_packed(folder, files, at_seconds), told)


def _packed(folder: str, files: Mapping[str, bytes], at_seconds: int) -> bytes:
    found = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=found, mtime=at_seconds) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode, member.mtime = len(files[name]), 0o600, at_seconds
            tar.addfile(member, io.BytesIO(files[name]))
    return found.getvalue()

"""Second copies of the few files without which a device is nobody: a bad block on a card must not be the end of it.

Each is checked at every start. One that is good is copied into the journal, which knows a flipped bit; one that is not,
or is gone, comes back from there, and the broken file is set aside.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pyv_edge_agent.disk.atomic import DiskError, move_aside, read_bytes, write_durably
from pyv_edge_agent.disk.journal import CORRUPT, Journal
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.link.join import parse_join
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import parse_device_id
from pyvorin_edge.trust import parse_anchor

logger = logging.getLogger(__name__)

#: the journal's folder of copies
FOLDER: Final = "kept"


def mend(place: StateDir, journal: Journal) -> tuple[Path, ...]:
    """Copy what is good, bring back what is not; the files that came back. A disk that refuses is logged, no more."""
    back = []
    for path, check in _checks(place).items():
        try:
            if _mended(path, f"{FOLDER}/{path.name}", check, journal):
                back.append(path)
        except DiskError as why:
            logger.error("%s", why)
    return tuple(back)


def _checks(place: StateDir) -> Mapping[Path, Callable[[bytes], object]]:
    """Each raises if the bytes cannot be used."""
    return {
        place.device_id: lambda data: parse_device_id(data.decode("ascii").strip()),
        place.join: parse_join,
        place.server_ca: _as_authorities,
        place.trust_anchor: parse_anchor,
    }


def _mended(path: Path, name: str, check: Callable[[bytes], object], journal: Journal) -> bool:
    data, copy = read_bytes(path), journal.read(name)
    if data is not None and _is_good(data, check):
        if data != copy:
            journal.write({name: data})
        return False
    if copy is None or not _is_good(copy, check):
        return False  # whoever reads it says what is wrong
    if data is not None:
        logger.error("%s cannot be used: set aside as %s, its copy is put back", path, move_aside(path, CORRUPT).name)
    else:
        logger.error("%s is gone: its copy is put back", path)
    write_durably(path, copy)
    return True


def _is_good(data: bytes, check: Callable[[bytes], object]) -> bool:
    try:
        check(data)
    except (PyvorinError, LinkError, ValueError, ssl.SSLError):
        return False
    return True


def _as_authorities(data: bytes) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii"))

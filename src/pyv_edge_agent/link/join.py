"""The join document, from the controller or as it was stored (PROTOCOL 2). Without X.509: every start reads it."""

from __future__ import annotations

import msgspec

from pyv_edge_agent.link.interface import LinkError
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.report import Join

JOIN_BYTES_MAX = 1024 * 1024


def parse_join(body: bytes) -> Join:
    """A join answer, or the stored one; LinkError names the field."""
    try:
        return wire.decode(body, Join, limit_bytes=JOIN_BYTES_MAX)
    except (WireError, msgspec.ValidationError) as why:
        raise LinkError(f"the join document is not readable: {why}") from None

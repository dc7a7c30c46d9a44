"""Ports for servers that tests start: free, and this process's own until it ends, also beside other test processes."""

from __future__ import annotations

from pyv_fleet.demo.places import Places

_PLACES = Places()


def free_ports(count: int) -> list[int]:
    """So many ports on 127.0.0.1 that nobody holds."""
    return [_PLACES.any_port() for _ in range(count)]

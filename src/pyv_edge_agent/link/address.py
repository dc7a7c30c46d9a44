"""Broker addresses as they stand in a link: `host:port`."""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_edge_agent.link.interface import LinkError

MQTTS_PORT: Final = 8883


class Address(msgspec.Struct, frozen=True):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`host`, `host:port`, `[v6]` or `[v6]:port`, port 8883 if none; LinkError if it is none of them."""
    host, port = _split(text.removeprefix("mqtts://").rstrip("/"))
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise LinkError(f"{text!r} is no broker address: write host:port")
    return Address(host, int(port))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else str(MQTTS_PORT)
        return (host, port) if bracket and (not rest or rest.startswith(":")) else ("", "")
    host, colon, port = text.partition(":")
    return host, port if colon else str(MQTTS_PORT)

"""Broker addresses: every form that a link may name, and nothing else."""

from __future__ import annotations

import pytest

from pyv_edge_agent.link.address import Address, parse_address
from pyv_edge_agent.link.interface import LinkError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("broker.example:8884", "broker.example", 8884),
        ("broker.example", "broker.example", 8883),
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("[::1]:8884", "::1", 8884),
        ("[::1]", "::1", 8883),
        ("mqtts://broker.example:8884/", "broker.example", 8884),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", ":8883", "host:", "host:0", "host:65536", "host:x", "::1", "[::1", "[::1]8883", "h:²", "h:" + "9" * 5000],
)
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(LinkError, match="write host:port"):
        parse_address(text)


def test_a_v6_address_is_written_in_brackets() -> None:
    assert str(Address("::1", 8883)) == "[::1]:8883"

"""What only this machine can reach."""

from __future__ import annotations

import pytest

from pyvorin_edge.address import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.3.7", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", ""])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)

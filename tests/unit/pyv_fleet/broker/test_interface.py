"""The port's values and errors."""

import pytest

from pyv_fleet.broker import interface
from pyv_fleet.broker.interface import BrokerAddress


def test_every_error_of_this_room_can_be_caught_as_one() -> None:
    kinds = [kind for kind in vars(interface).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, interface.BrokerError) for kind in kinds)


@pytest.mark.parametrize(
    ("host", "text"), [("localhost", "localhost:1"), ("::1", "[::1]:1"), ("10.0.0.1", "10.0.0.1:1")]
)
def test_an_address_reads_as_people_write_it(host: str, text: str) -> None:
    assert str(BrokerAddress(host, 1)) == text

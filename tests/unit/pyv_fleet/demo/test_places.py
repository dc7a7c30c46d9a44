"""Whatever a demo chooses is free, and no other demo chooses it meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pyv_fleet.demo.places import HEALTH_PORT, Places


@pytest.fixture
def two() -> Iterator[tuple[Places, Places]]:
    places = Places(), Places()
    yield places
    for one in places:
        one.release()


def test_two_that_choose_at_once_choose_differently(two: tuple[Places, Places]) -> None:
    one, other = two
    wanted = one.any_port()
    one.release()
    assert one.port(wanted) != other.port(wanted)
    assert not set(one.hosts(3)) & set(other.hosts(3))


def test_what_was_released_can_be_chosen_again(two: tuple[Places, Places]) -> None:
    one, other = two
    first = one.any_port()
    one.release()
    assert other.port(first) == first


def test_a_port_that_somebody_holds_is_not_chosen(two: tuple[Places, Places]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        assert two[0].port(held.getsockname()[1]) != held.getsockname()[1]


def test_an_address_whose_health_port_is_held_is_not_chosen(two: tuple[Places, Places]) -> None:
    first = two[0].hosts(1)[0]
    two[0].release()
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((first, HEALTH_PORT))
        held.listen()
        assert first not in two[1].hosts(3)

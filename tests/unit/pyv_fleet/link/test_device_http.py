"""One exchange with a device has one deadline, also while it is silent (the other promises: test_fleet_manager.py)."""

from __future__ import annotations

import socket
import time

import pytest

from pyv_fleet.core.words import PollFailure
from pyv_fleet.link.device_http import PollError, request


def test_a_device_that_accepts_and_says_nothing_costs_no_more_than_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        began = time.monotonic()
        with pytest.raises(PollError) as caught:
            request("127.0.0.1", server.getsockname()[1], "GET", "/health", seconds=0.2, limit_bytes=10)
        assert caught.value.failure is PollFailure.TIMEOUT
        assert time.monotonic() - began < 2


def test_a_limit_of_no_time_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(PollError):
        request("127.0.0.1", server.getsockname()[1], "GET", "/", seconds=0, limit_bytes=10)

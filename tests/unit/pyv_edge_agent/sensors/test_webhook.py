"""The webhook takes readings by real HTTP, all or none of a request, from whoever may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pyv_edge_agent.sensors.interface import SensorError, SensorReading
from pyv_edge_agent.sensors.webhook import BODY_BYTES_MAX, READINGS_IN_ONE_MAX, WebhookAdapter, WebhookListener

TOKEN = "a-token-of-some-length"
Make = Callable[..., WebhookAdapter]


@pytest.fixture
def listener() -> WebhookListener:
    return WebhookListener("127.0.0.1", 0)


@pytest.fixture
def make(listener: WebhookListener) -> Iterator[Make]:
    made = []

    def one(**device: Any) -> WebhookAdapter:
        adapter = WebhookAdapter({"name": "t 1", "unit": "C", **device}, listener, clock=lambda: 9.0)
        adapter.start()
        made.append(adapter)
        return adapter

    yield one
    for adapter in made:
        adapter.stop()


def post(listener: WebhookListener, data: bytes, name: str = "t%201", **headers: str) -> requests.Response:
    url = f"http://127.0.0.1:{listener.port}/readings/{name}"
    return requests.post(url, data=data, headers=headers, timeout=10)


def test_one_reading_or_a_list_is_accepted(listener: WebhookListener, make: Make) -> None:
    adapter, came = make(), threading.Event()
    adapter.listen(came.set)
    answer = post(listener, b'{"value": 1, "timestamp": 5}')
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert post(listener, b'[2, {"value": 3}]').json() == {"accepted": 2}
    assert came.is_set()
    assert adapter.take() == [
        SensorReading("t 1", 5.0, 1, "C"), SensorReading("t 1", 9.0, 2, "C"), SensorReading("t 1", 9.0, 3, "C")
    ]  # fmt: skip
    assert adapter.connected


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'[{"value": 1}, {"hush": 2}]', 400), (b"[[1]]", 400), (b'{"value": "' + b"x" * 5000 + b'"}', 400),
     (b"[" + b"1," * READINGS_IN_ONE_MAX + b"1]", 400), (b"1" * (BODY_BYTES_MAX + 1), 413)],
)  # fmt: skip
def test_what_is_no_reading_is_refused_whole(listener: WebhookListener, make: Make, body: bytes, status: int) -> None:
    adapter = make()
    answer = post(listener, body)
    assert (answer.status_code, adapter.backlog) == (status, 0)
    assert "hush" not in answer.text


def test_a_token_is_asked_for_where_one_is_configured(listener: WebhookListener, make: Make) -> None:
    adapter = make(token=TOKEN)
    for said in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        answer = post(listener, b"1", **said)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert TOKEN not in answer.text
    assert post(listener, b"1", Authorization=f"Bearer {TOKEN}").status_code == 202
    assert adapter.backlog == 1


def test_without_a_token_nobody_may_post_where_others_reach_it() -> None:
    adapter = WebhookAdapter({"name": "t"}, WebhookListener("0.0.0.0", 0), clock=lambda: 9.0)
    assert not adapter.may(None)
    assert not adapter.may("Bearer ")


def test_sensors_share_a_listener_by_their_paths(listener: WebhookListener, make: Make) -> None:
    one, other = make(), make(name="u")
    assert post(listener, b"1", name="u").status_code == 202
    assert (one.backlog, other.backlog) == (0, 1)
    one.stop()
    assert post(listener, b"1").status_code == 404
    assert post(listener, b"1", name="u").status_code == 202
    assert requests.get(f"http://127.0.0.1:{listener.port}/readings/u", timeout=10).status_code == 405


def test_a_port_that_is_taken_is_told_and_freed_ports_are_taken_again(listener: WebhookListener, make: Make) -> None:
    first = make()
    late = WebhookAdapter({"name": "late"}, WebhookListener("127.0.0.1", listener.port), clock=lambda: 9.0)
    with pytest.raises(SensorError, match=r"cannot listen on 127\.0\.0\.1 port"):
        late.start()
    assert not late.connected
    assert late.failure is not None
    first.stop()
    late.start()
    assert late.connected
    late.stop()

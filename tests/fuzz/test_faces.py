"""What the device hears over HTTP, sockets and MQTT of its neighbours: an answer or a documented refusal, always."""

from __future__ import annotations

import http.client
import io
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_edge_agent import control
from pyv_edge_agent.control import ControlError
from pyv_edge_agent.health.multipart import MultipartError, field_of
from pyv_edge_agent.health.server import HealthServer
from pyv_edge_agent.link.address import parse_address
from pyv_edge_agent.link.http import answer_of, answers_within, checked
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.link.validity import validity_of
from pyv_edge_agent.notify import Notifier, supervision_of
from pyv_edge_agent.sensors.interface import fault_of
from pyv_edge_agent.sensors.payload import Extraction, PayloadError

FORM = b'--b\r\nContent-Disposition: form-data; name="config"\r\n\r\n{"v":1}\r\n--b--\r\n'
REQUESTS = (
    b"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
    b"GET /metrics?x=1 HTTP/1.0\r\n\r\n",
    b"POST /config/reload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s"
    % (len(FORM), FORM),
    b"POST /config/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n",
)
ANSWERS = (
    b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 5\r\n\r\nhello',
    b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n" + b'{"title": "Busy", "detail": "later"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: W/"a"\r\n\r\n',
)


@pytest.fixture(scope="module")
def server() -> Any:
    made = HealthServer(
        "127.0.0.1",
        0,
        document=lambda: {"status": "healthy"},
        reload=lambda data, login: (422, "no parcel"),
        request_seconds=0.3,
        poll_seconds=0.02,
    )
    made.start()
    yield made
    made.stop()


@FUZZ
@given(data=strange(*REQUESTS))
def test_any_request_is_answered_or_closed_and_the_next_is_served(server: HealthServer, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            answer = b""
    assert b"Traceback" not in answer
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    asked.request("GET", "/health")
    assert asked.getresponse().status == 200
    asked.close()


class Spoken:
    """A connection on which all was said already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._data))  # type: ignore[arg-type]

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, seconds: float) -> None:
        pass


@FUZZ
@given(strange(*ANSWERS))
def test_any_answer_of_a_controller_is_taken_within_its_limit_or_refused(data: bytes) -> None:
    spoken: Any = Spoken(data)
    try:
        response = answers_within(5.0, 100)(spoken, method="GET")
        response.begin()
        assert len(answer_of(response, 100).body) <= 100
    except (LinkError, OSError, ValueError, http.client.HTTPException):
        return  # all of which Https and Line tell as LinkError


@FUZZ
@given(strange(FORM), st.text(max_size=40) | st.just("multipart/form-data; boundary=b"))
def test_a_form_has_the_field_once_or_is_refused(data: bytes, content_type: str) -> None:
    try:
        assert field_of(data, content_type, "config") is not None
    except MultipartError as why:
        assert str(why)


@FUZZ
@given(strange(b'{"verb": "status", "args": {"a": [1, 2.5, null]}}'))
def test_a_question_at_the_socket_is_one_or_is_refused(data: bytes) -> None:
    try:
        verb, args = control._question_of(data)
    except ControlError:
        return
    assert isinstance(verb, str)
    assert isinstance(args, dict)


@FUZZ
@given(strange(b'{"value": 21.5, "at": 1700000000, "data": [{"temp": 3}]}', b"21.5", b'"open"'),
       st.sampled_from(["", "value", "data.0.temp", "data.-1"]))  # fmt: skip
def test_a_payload_is_a_sound_reading_or_is_refused(data: bytes, path: str) -> None:
    extraction = Extraction(name="t", value_path=path, timestamp_path="at")
    try:
        fault_of(extraction.reading(data, 1.0))
    except PayloadError as why:
        assert str(why)


@FUZZ
@given(st.text(max_size=60))
def test_addresses_are_read_or_refused(text: str) -> None:
    for read in (parse_address, checked):
        try:
            assert read(text)
        except LinkError:
            continue


@FUZZ
@given(strange(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
def test_a_certificate_says_until_when_or_nothing(data: bytes) -> None:
    found = validity_of(data)
    assert found is None or found.not_after > 0


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


@FUZZ
@given(NAMES, NAMES, st.text(max_size=300))
def test_a_supervisor_that_is_none_is_no_reason_to_fail(address: str, watchdog: str, status: str) -> None:
    asked = supervision_of({"NOTIFY_SOCKET": "@pyv-none" + address, "WATCHDOG_USEC": watchdog}, 1)
    Notifier(asked).ready(status.encode("utf-8", "replace").decode())

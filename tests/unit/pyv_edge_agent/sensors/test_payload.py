"""What others send is a reading by its paths, or is refused in words that show nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.sensors.interface import SensorReading, fault_of
from pyv_edge_agent.sensors.payload import Extraction, PayloadError, seconds_of, value_in

PLAIN = Extraction(name="t", unit="C")
NESTED = Extraction(name="t", value_path="data.0.temp", timestamp_path="at", metadata_path="data.0.about")


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"21.5", 21.5), (b"7", 7), (b"true", True), (b'"open"', "open"), (b"ON", "ON"), (b" 3.5 ", 3.5), (b"null", None)],
)
def test_a_plain_payload_is_the_value(payload: bytes, value: Any) -> None:
    assert PLAIN.reading(payload, 9.0) == SensorReading("t", 9.0, value, "C")


def test_an_object_has_the_parts_at_their_paths() -> None:
    assert PLAIN.reading(b'{"value": 1, "timestamp": 5, "metadata": {"k": 2}}', 9.0) == SensorReading(
        "t", 5.0, 1, "C", {"k": 2}
    )
    payload = b'{"at": "2026-01-01T00:00:00Z", "data": [{"temp": 3, "about": {"b": 1}}]}'
    assert NESTED.reading(payload, 9.0) == SensorReading("t", 1767225600.0, 3, "", {"b": 1})


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"hush": 1}', b'{"value": {}}', b'{"value": 1, "metadata": 5}', b'{"value": 1, "timestamp": "hush"}',
     b"\xff\xfe", b"[" * 5000, b"x" * 300, b"1" * 70_000, b'{"value": 1, "timestamp": true}', b"[]"],
)  # fmt: skip
def test_what_is_no_reading_is_refused_without_being_shown(payload: bytes) -> None:
    with pytest.raises(PayloadError) as why:
        PLAIN.reading(payload, 9.0)
    assert "hush" not in str(why.value)


def test_text_is_refused_where_only_json_may_stand() -> None:
    with pytest.raises(PayloadError):
        PLAIN.reading(b"ON", 9.0, text=False)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(5, 5.0), ("5.5", 5.5), (1767225600000, 1767225600.0), ("2026-01-01T01:00:00+01:00", 1767225600.0),
     ("2026-01-01T00:00:00", 1767225600.0)],
)  # fmt: skip
def test_time_is_seconds_milliseconds_or_rfc_3339(said: Any, seconds: float) -> None:
    assert seconds_of(said) == seconds


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("-2", -2), ("1e3", 1000.0), ("True", True), ("", None), ("on", "on"), ("--1", "--1")]
)
def test_text_in_a_table_is_read_as_what_it_looks_like(text: str, value: Any) -> None:
    assert value_in(text) == value


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_payload_is_a_reading_or_refused(payload: bytes) -> None:
    for extraction in (PLAIN, NESTED):
        try:
            reading = extraction.reading(payload, 9.0)
        except PayloadError:
            continue
        fault_of(reading)

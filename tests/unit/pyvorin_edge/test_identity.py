"""Identity: the vectors hold, no two boards share an id, and names outside their form are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge import identity
from pyvorin_edge.errors import IdentityError

PLACEHOLDERS = [
    "unknown",
    "UNKNOWN\0",
    "None",
    "To be filled by O.E.M.",
    "Default string",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
]


def cases(name: str) -> list[dict[str, Any]]:
    return json.loads((Path(__file__).parent / f"vectors/{name}.json").read_text())["cases"]


@pytest.mark.parametrize("case", cases("device_ids"))
def test_a_device_id_is_the_article_s(case: dict[str, Any]) -> None:
    assert identity.device_id_of(case["serial"], case["prefix"]) == case["device_id"]


@pytest.mark.parametrize("case", cases("shards"))
def test_a_shard_is_the_vector_s(case: dict[str, Any]) -> None:
    assert identity.shard_of(case["device_id"]) == case["shard"]


@pytest.mark.parametrize("case", cases("order_hashes"))
def test_an_order_hash_is_the_vector_s(case: dict[str, Any]) -> None:
    assert identity.order_hash(case["salt"], case["device_id"]) == case["order_hash"]


@pytest.mark.parametrize("case", cases("spread_delays"))
def test_a_spread_delay_is_the_vector_s(case: dict[str, Any]) -> None:
    arguments = {key: value for key, value in case.items() if key != "delay_seconds"}
    assert identity.spread_delay_seconds(**arguments) == case["delay_seconds"]


def test_protocol_s_own_vectors_hold() -> None:
    assert identity.shard_of("FLEET-0a1b2c3d4e5f") == "26"
    assert identity.order_hash("r-1", "FLEET-0a1b2c3d4e5f") == "3516d7ec5cc7084d"


@given(st.text(max_size=20), st.text("\0 \t\n", max_size=5))
def test_nul_and_blanks_around_a_serial_do_not_change_the_device(serial: str, noise: str) -> None:
    try:
        expected = identity.device_id_of(serial)
    except IdentityError:
        with pytest.raises(IdentityError):
            identity.device_id_of(noise + serial + noise)
    else:
        assert identity.device_id_of(noise + serial + noise) == expected


@pytest.mark.parametrize(
    "serial",
    ["", " ", "\0", "0", "0000000000000000", "00000000-0000-0000-0000-000000000000", "f" * 8, "N/A", *PLACEHOLDERS],
)
def test_a_placeholder_serial_never_gives_a_shared_id(serial: str) -> None:
    with pytest.raises(IdentityError, match="--serial or --device-id"):
        identity.device_id_of(serial)


@pytest.mark.parametrize("text", ["", "-a", ".a", "_a", "a/b", "a+b", "#", "a b", "a\n", "é", "x" * 65, "@controller"])
def test_a_device_id_outside_its_form_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="device id"):
        identity.parse_device_id(text)


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (identity.parse_device_id, ["a", "A.b_c-9", "x" * 64], ["", "a b"]),
        (identity.parse_channel, ["stable", "0", "a-b"], ["", "Stable", "a_b", "stable\n", "x" * 33]),
        (identity.parse_fleet, ["acme", "A.b_c-"], ["", "a b", "x" * 65, "acme\n"]),
        (identity.parse_digest, ["0" * 64], ["", "0" * 63, "A" * 64, "0" * 64 + "\n"]),
    ],
)
def test_names_keep_to_their_forms(parse: Any, good: list[str], bad: list[str]) -> None:
    assert [parse(text) for text in good] == good
    for text in bad:
        with pytest.raises(IdentityError):
            parse(text)


def test_a_label_is_a_key_and_a_value() -> None:
    assert identity.parse_label("site=berlin/1") == ("site", "berlin/1")


@pytest.mark.parametrize("text", ["", "site", "=x", "site=", "a b=c", "a=b=c", "-a=b", "a=b\n"])
def test_a_misshapen_label_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="key=value"):
        identity.parse_label(text)


@given(st.text(max_size=30), st.text(max_size=10), st.integers(0, 99), st.integers(0, 10**7))
def test_a_spread_delay_lies_within_the_spread(device_id: str, release: str, attempt: int, spread: int) -> None:
    assert 0 <= identity.spread_delay_seconds(device_id, release, attempt, spread) <= spread


@given(st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_parts_are_kept_apart(one: str, two: str, three: str) -> None:
    if "\0" not in one + two + three and two:
        assert identity.sha256_of(one + two, three) != identity.sha256_of(one, two + three)

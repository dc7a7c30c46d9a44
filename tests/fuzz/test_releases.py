"""Whatever lies in a release's directory or beside it: it is built and read, or refused by the documented error."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_fleet.core.provenance import TYPE_PROVENANCE, ProvenanceError, decode_provenance, encode_provenance, stated
from pyv_fleet.core.release import ReleaseRefused, refuse_mismatch
from pyv_fleet.core.release_build import assemble, overlays_bytes, read_overlays
from pyv_fleet.core.release_tree import read_tree
from pyvorin_edge.envelope import seal

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
RELEASE = b"""version = "1.0"
open = ["/health", "/sensors/poll_interval_seconds"]
security = 1
[gate]
within_seconds = 5
require = { health = "healthy", max_cpu_percent = 90 }
"""
CONFIG = b'[sensors]\npoll_interval_seconds = { "$value" = "poll" }\n[cloud]\napi_key = "${KEY}"\n'
FLEET = b'delete = ["/cloud/api_key"]\n[values]\npoll = 2.0\n[health]\nport = 8081\n'
GROUP = b'[values]\npoll = 3.0\n[health]\nport = 8082\nlist = [1, { "$value" = "poll" }]\n'
FILES = {
    "release.toml": RELEASE, "config.toml": CONFIG, "layers/fleet.toml": FLEET, "layers/group/a.toml": GROUP,
    "layers/device/FLEET-1.toml": b"[health]\nport = 8083\n",
}  # fmt: skip
OVERLAYS = b'{"v":1,"release":"' + b"a" * 64 + b'","groups":{"a":{"overlay":{"b":null},"golden_hash":"' + b"b" * 64
OVERLAYS += b'"}},"devices":{}}'
STATEMENT = b'{"v":1,"release":"' + b"a" * 64 + b'","version":"1","built_by":"me","built_at":"2026-11-25T12:00:00Z",'
STATEMENT += b'"tool":"t","tree":"' + b"c" * 64 + b'","files":{"a":"b"},"commit":{"id":"' + b"d" * 40
STATEMENT += b'","dirty":true}}'


@FUZZ
@given(st.sampled_from(sorted(FILES)), strange(RELEASE, CONFIG, FLEET, GROUP))
def test_what_is_built_holds_and_all_else_is_refused_in_words(name: str, data: bytes) -> None:
    try:
        built = assemble(read_tree({**FILES, name: data}), fleet="lab")
    except ReleaseRefused as why:
        assert all(why.errors)
        return
    refuse_mismatch(built.release, built.blob)
    assert read_overlays(overlays_bytes(built.overlays)) == built.overlays


@FUZZ
@given(strange(STATEMENT, seal(STATEMENT, TYPE_PROVENANCE, [KEY])))
def test_a_statement_is_read_and_written_alike_or_refused(data: bytes) -> None:
    with pytest.raises(ProvenanceError):
        stated(data, "f" * 64)
    try:
        found = decode_provenance(data)
    except ProvenanceError:
        return
    assert decode_provenance(encode_provenance(found)) == found


@FUZZ
@given(strange(OVERLAYS))
def test_assignments_are_read_or_refused(data: bytes) -> None:
    try:
        read_overlays(data)
    except ReleaseRefused as why:
        assert why.errors

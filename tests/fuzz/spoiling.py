"""Bytes as strangers and bad disks send them: arbitrary, and valid ones that were spoilt."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: how long to look: `make fuzz` says otherwise
FUZZ: Final = settings(
    deadline=None,
    max_examples=int(os.environ.get("PYV_FUZZ_EXAMPLES", "100")),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
#: what has tripped parsers before, put in anywhere
NASTY: Final = (
    b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"9" * 5000,
    b"[" * 6000, b'{"a":' * 3000, b'"', b"\\", b"{", b"}", b"]", b",", b":", b"null", b"true", b"-1", b"0.5", b"{}",
    b"[]", b'""', b"\r\n", b"\n", b"\r\n\r\n", b"${", b"${A:-", b"a." * 3000, b"[[a]]\n", b"..", b"%00", "é".encode(),
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, *documents: bytes) -> bytes:
    """A valid document after some flips, cuts, doublings, splices and nasty pieces."""
    data = bytearray(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 60)))
        match draw(st.integers(0, 5)):
            case 0 if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at:to]
            case 2:
                data[to:to] = data[at:to]
            case 3:
                other = draw(st.sampled_from(documents))
                data[at:] = other[draw(st.integers(0, len(other))) :]
            case 4:
                data[at:to] = draw(st.binary(max_size=20))
            case _:
                data[at:to] = draw(st.sampled_from(NASTY))
    return bytes(data)


def strange(*documents: bytes) -> st.SearchStrategy[bytes]:
    """Spoilt documents mostly, else anything, or a nasty piece alone."""
    return st.one_of(spoilt(*documents), spoilt(*documents), st.binary(max_size=300), st.sampled_from(NASTY))

"""Parcels: blobs are found by what they are, and what is no parcel is malformed."""

from __future__ import annotations

import base64

import pytest

from pyvorin_edge import orders
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import OrderError
from pyvorin_edge.parcels import decode_parcel, parcel_blobs
from pyvorin_edge.vocabulary import Refusal


def test_a_parcel_s_blobs_are_found_by_digest() -> None:
    parcel = orders.Parcel(v=1, blobs=(base64.b64encode(b"one").decode(), base64.b64encode(b"two").decode()))
    read = decode_parcel(orders.encode_order(parcel))
    assert parcel_blobs(read) == {digest_of(b"one"): b"one", digest_of(b"two"): b"two"}


@pytest.mark.parametrize("blob", ["%", "YQ", "é"])
def test_a_parcel_s_blob_that_is_no_base64_is_malformed(blob: str) -> None:
    with pytest.raises(OrderError) as why:
        parcel_blobs(orders.Parcel(v=1, blobs=(blob,)))
    assert why.value.code is Refusal.MALFORMED


def test_a_parcel_that_is_none_is_malformed() -> None:
    for data in (b"", b"{}", b'{"v":2}', b" " * (1024 * 1024 + 1)):
        with pytest.raises(OrderError):
            decode_parcel(data)

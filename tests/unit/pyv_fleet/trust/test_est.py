"""The bodies of RFC 7030."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.trust import certificates, est
from pyv_fleet.trust.errors import CsrRefused

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@given(st.binary(min_size=1, max_size=2000), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_a_body_is_base64_with_or_without_line_breaks(der: bytes, ending: bytes) -> None:
    encoded = base64.b64encode(der)
    body = ending.join(encoded[at : at + 64] for at in range(0, len(encoded), 64)) + ending
    assert est.csr_of(body) == der


@pytest.mark.parametrize("body", [b"", b"  \n", b"not base64!", b"AAA", b"A" * (est.BODY_BYTES_MAX + 1)])
def test_a_body_that_is_none_is_refused_and_named(body: bytes) -> None:
    with pytest.raises(CsrRefused, match="body"):
        est.csr_of(body)


def test_certificates_come_back_whole() -> None:
    made = [
        certificates.self_signed(name, certificates.new_key(), serial=serial, now=NOW, life=timedelta(days=9))
        for serial, name in enumerate(("a", "b"), 1)
    ]
    body = est.certs_only([each.certificate for each in made])
    back = load_der_pkcs7_certificates(base64.b64decode(body))
    assert {each.serial_number for each in back} == {1, 2}
    assert max(len(line) for line in body.splitlines()) <= 64

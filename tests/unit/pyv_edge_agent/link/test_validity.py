"""The dates of a certificate, as an X.509 library reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.link.validity import Validity, validity_of

KEY = ec.generate_private_key(ec.SECP256R1())
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))


def certificate(begins: datetime, ends: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x" * 60)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    return made.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


@given(MOMENTS, st.integers(1, 20_000))
def test_it_reads_what_was_written_also_over_the_year_2050(begins: datetime, days: int) -> None:
    ends = begins + timedelta(days=days)
    found = validity_of(certificate(begins, ends))
    assert found == Validity(int(begins.timestamp() * 1000), int(ends.timestamp() * 1000))


@given(st.binary(max_size=300))
def test_what_is_no_certificate_has_no_dates(data: bytes) -> None:
    assert validity_of(data) is None


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_spoilt_certificate_raises_nothing(at: int, byte: int) -> None:
    import base64

    good = certificate(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    der = bytearray(base64.b64decode(b"".join(good.splitlines()[1:-1])))
    der[at % len(der)] = byte
    body = base64.b64encode(bytes(der))
    validity_of(b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n")

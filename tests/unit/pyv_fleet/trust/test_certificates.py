"""X.509 building blocks, checked by cryptography's own path validation where it can."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from pyv_fleet.trust import certificates
from pyv_fleet.trust.certificates import CLIENT, SERVER, Issuer, Leaf, Revoked

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def ca() -> Issuer:
    return certificates.self_signed("a CA", certificates.new_key(), serial=1, now=NOW, life=1000 * DAY)


def test_a_server_leaf_validates_by_its_ca(ca: Issuer) -> None:
    leaf = Leaf("server", SERVER, 2, 100 * DAY, ("localhost", "127.0.0.1"))
    made = certificates.issue(ca, leaf, certificates.new_key().public_key(), NOW)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([ca.certificate]))
        .time(NOW)
        .build_server_verifier(x509.DNSName("localhost"))
    )
    assert verifier.verify(made, []) == [made, ca.certificate]


def test_certificates_begin_a_day_early_for_clocks_that_lag(ca: Issuer) -> None:
    made = certificates.issue(ca, Leaf("a", CLIENT, 3, DAY), certificates.new_key().public_key(), NOW)
    assert made.not_valid_before_utc == NOW - DAY
    assert made.not_valid_after_utc == NOW + DAY


def test_a_serial_stands_once_on_the_crl(ca: Issuer) -> None:
    pem = certificates.revocation_list(ca, [Revoked(5, NOW), Revoked(5, NOW), Revoked(9, NOW)], NOW, NOW)
    assert [line.serial_number for line in x509.load_pem_x509_crl(pem)] == [5, 9]


def test_the_fingerprint_is_only_of_ec_keys(ca: Issuer) -> None:
    assert certificates.spki_sha256(ca.key.public_key()) == certificates.spki_sha256(ca.certificate.public_key())
    with pytest.raises(TypeError):
        certificates.spki_sha256(rsa.generate_private_key(65537, 2048).public_key())


def test_a_subject_with_more_than_one_name_has_no_common_name() -> None:
    one = x509.NameAttribute(NameOID.COMMON_NAME, "a")
    assert certificates.common_name(x509.Name([one])) == "a"
    assert certificates.common_name(x509.Name([])) is None
    with pytest.raises(ValueError):
        certificates.common_name(x509.Name([one, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b")]))

"""What the device CA demands of a certificate request."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.trust import csr
from pyv_fleet.trust.certificates import new_key
from pyv_fleet.trust.errors import CsrRefused

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
CN, ORG = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME


def made(key: object, *names: tuple[x509.ObjectIdentifier, str]) -> x509.CertificateSigningRequest:
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", [DER, PEM])
@pytest.mark.parametrize("names", [(), ((CN, "dev-a"),)])
def test_an_empty_subject_or_the_id_itself_is_accepted(
    encoding: serialization.Encoding, names: tuple[tuple[x509.ObjectIdentifier, str], ...]
) -> None:
    key = new_key()
    assert csr.accept(made(key, *names).public_bytes(encoding), "dev-a") == ("dev-a", key.public_key())


@pytest.mark.parametrize(
    "names", [((CN, "dev-b"),), ((CN, "dev-a"), (ORG, "x")), ((ORG, "dev-a"),), ((CN, "a"), (CN, "dev-a"))]
)
def test_another_subject_is_refused(names: tuple[tuple[x509.ObjectIdentifier, str], ...]) -> None:
    with pytest.raises(CsrRefused, match="subject"):
        csr.accept(made(new_key(), *names).public_bytes(DER), "dev-a")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p384", "rsa", "ed25519"],
)
def test_only_p256_keys_are_taken(key: object) -> None:
    with pytest.raises(CsrRefused, match="P-256"):
        csr.accept(made(key).public_bytes(DER), "dev-a")


def test_a_request_not_signed_by_its_own_key_is_refused() -> None:
    der = bytearray(made(new_key()).public_bytes(DER))
    other = new_key().public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    at = der.find(other[:27])  # the same algorithm header
    der[at : at + len(other)] = other
    with pytest.raises(CsrRefused, match="signature"):
        csr.accept(bytes(der), "dev-a")


@given(st.binary(max_size=5000))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(CsrRefused):
        csr.accept(data, "dev-a")


KEY = new_key()
GOOD = made(KEY, (CN, "dev-a")).public_bytes(DER)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_never_changes_who_is_certified(place: float, change: int) -> None:
    der = bytearray(GOOD)
    der[int(place * len(der))] ^= change
    try:
        name, public = csr.accept(bytes(der), "dev-a")
    except CsrRefused:
        return
    assert (name, public) == ("dev-a", KEY.public_key())

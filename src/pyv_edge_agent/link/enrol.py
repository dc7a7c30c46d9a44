"""The device's side of enrolment: EST (RFC 7030) over HTTPS, then join (PROTOCOL 2, 9). Files are another's.

The token names the server CA's public key: the CA is fetched without trust, compared with it, and trusted from then on.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from pyv_edge_agent.link.http import HttpRefused, Https
from pyv_edge_agent.link.interface import Credentials, LinkError, Passport
from pyv_edge_agent.link.join import JOIN_BYTES_MAX, parse_join
from pyv_edge_agent.link.tls import client_context, device_context, unverified_context
from pyvorin_edge.enrolment import EnrolmentToken
from pyvorin_edge.report import Join
from pyvorin_edge.trust import Link as Whereabouts

BODY_BYTES_MAX = 64 * 1024


class EnrolmentRefused(LinkError):
    """The controller does not take this device; the message is its own."""


def new_key_pem() -> bytes:
    """A fresh EC P-256 private key as unencrypted PKCS#8 PEM: for a file of mode 0600, and nowhere else."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def fetch_server_ca(api: str, token: EnrolmentToken) -> str:
    """The server CA in PEM whose key the token names; LinkError if the server at `api` has no such CA."""
    body = Https(api, unverified_context()).get("/.well-known/est/cacerts", limit_bytes=BODY_BYTES_MAX)
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):  # what is in a certificate is read as it is asked for
        for certificate in _certificates_of(body):
            if hmac.compare_digest(_spki_sha256(certificate), token.server_ca_spki_sha256):
                return certificate.public_bytes(Encoding.PEM).decode("ascii")
    raise LinkError(f"{api} is not the server that this token is for: its CA has another key")


def enrol(api: str, server_ca_pem: str, device_id: str, token: EnrolmentToken, key_pem: bytes) -> bytes:
    """The device's certificate in PEM, for its key; EnrolmentRefused if the token or the id does not do."""
    key = _key_of(key_pem)
    login = base64.b64encode(f"{device_id}:{token.text}".encode()).decode("ascii")
    headers = {
        "Authorization": f"Basic {login}",
        "Content-Type": "application/pkcs10",
        "Content-Transfer-Encoding": "base64",
    }
    https = Https(api, client_context([server_ca_pem]))
    path = "/.well-known/est/simpleenroll"
    try:
        answer = https.request("POST", path, _csr(device_id, key), headers, limit_bytes=BODY_BYTES_MAX)
    except HttpRefused as why:
        raise EnrolmentRefused(f"{device_id} was not enrolled: {why}") from None
    return _own_certificate(_certificates_of(answer.body), device_id, key)


def renew(api: str, where: Whereabouts, passport: Passport, device_id: str) -> bytes:
    """A new certificate in PEM for the same id and key, also when the old one expired (EST simplereenroll).
    EnrolmentRefused if the controller does not renew it, LinkError if it cannot be asked."""
    try:
        key = _key_of(passport.credentials.key.read_bytes())
    except OSError as why:
        raise LinkError(f"{passport.credentials.key.name} cannot be read: {why.strerror}") from None
    headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
    https = Https(api, device_context(where, passport))
    path = "/.well-known/est/simplereenroll"
    try:
        answer = https.request("POST", path, _csr(device_id, key), headers, limit_bytes=BODY_BYTES_MAX)
    except HttpRefused as why:
        raise EnrolmentRefused(f"{device_id} was not renewed: {why}") from None
    return _own_certificate(_certificates_of(answer.body), device_id, key)


def fits(certificate_pem: bytes, key_pem: bytes, device_id: str) -> bool:
    """Whether a certificate is this device's, by this key."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        return _name_of(certificate) == device_id and _same_key(certificate, _key_of(key_pem))
    except (ValueError, UnsupportedAlgorithm, LinkError):
        return False


def fetch_join(api: str, server_ca_pem: str, device_id: str, credentials: Credentials) -> tuple[Join, bytes]:
    """All else that the device needs, and the bytes as they came; LinkError if they are not what they should be."""
    https = Https(api, client_context([server_ca_pem], credentials))
    body = https.get(f"/v1/devices/{device_id}/join", limit_bytes=JOIN_BYTES_MAX)
    return parse_join(body), body


def _csr(device_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, device_id)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(Encoding.DER))


def _certificates_of(body: bytes) -> list[x509.Certificate]:
    try:
        return load_der_pkcs7_certificates(base64.b64decode(b"".join(body.split()), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as why:
        raise LinkError(f"the answer is no certs-only PKCS#7 (RFC 7030): {why}") from None


def _own_certificate(certificates: list[x509.Certificate], device_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):  # what is in a certificate is read as it is asked for
        for certificate in certificates:
            if _name_of(certificate) == device_id and _same_key(certificate, key):
                return certificate.public_bytes(Encoding.PEM)
    raise LinkError(f"the controller sent no certificate for {device_id} by this key")


def _name_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _same_key(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bool:
    return certificate.public_key() == key.public_key()


def _spki_sha256(certificate: x509.Certificate) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def _key_of(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as why:
        raise LinkError(f"device.key cannot be read: {why}; remove it to enrol with a new one") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LinkError("device.key is no EC key; remove it to enrol with a new one")
    return key

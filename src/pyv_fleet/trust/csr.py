"""Certificate requests: what the device CA demands of one before it signs (PROTOCOL 2). Pure."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from pyv_fleet.trust.certificates import common_name
from pyv_fleet.trust.errors import CsrRefused
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import DeviceId, parse_device_id

CSR_BYTES_MAX: Final = 4096
RESERVED: Final = "pyvorin."
"""Ids that begin so are the controller's own on the device listener (the canary and the probe)."""


def accept(csr: bytes, device_id: str) -> tuple[DeviceId, ec.EllipticCurvePublicKey]:
    """The id and key to certify. The CSR (PEM or DER) must be signed by its own EC P-256 key; CsrRefused else.

    Its subject counts for nothing but a check: empty, or the CN alone and equal to `device_id`.
    """
    name = _issuable(device_id)
    request = _parsed(csr)
    if not _self_signed(request):
        raise CsrRefused("CSR: its signature is not by the key it names")
    _check_subject(request, name)
    return name, _p256(request)


def _issuable(device_id: str) -> DeviceId:
    try:
        name = parse_device_id(device_id)
    except IdentityError as why:
        raise CsrRefused(str(why)) from None
    if name.lower().startswith(RESERVED):
        raise CsrRefused(f"device id {name!r}: ids that begin with {RESERVED!r} are the controller's own")
    return name


def _parsed(csr: bytes) -> x509.CertificateSigningRequest:
    if len(csr) > CSR_BYTES_MAX:
        raise CsrRefused(f"CSR: {len(csr)} bytes where at most {CSR_BYTES_MAX} are allowed")
    try:
        if csr.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_csr(csr)
        return x509.load_der_x509_csr(csr)
    except (ValueError, x509.InvalidVersion):
        raise CsrRefused("CSR: neither PEM nor DER of a PKCS#10 certificate request") from None


def _self_signed(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False


def _check_subject(request: x509.CertificateSigningRequest, name: DeviceId) -> None:
    try:
        said = common_name(request.subject)
    except ValueError as why:
        raise CsrRefused(f"CSR: {why}; leave it empty or set the CN to {name!r}") from None
    if said not in (None, name):
        raise CsrRefused(f"CSR: its subject names {said!r}, the enrolment is for {name!r}")


def _p256(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    try:
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise CsrRefused("CSR: its key cannot be read; make an EC P-256 key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CsrRefused("CSR: its key is not EC P-256; make an EC P-256 key")
    return key

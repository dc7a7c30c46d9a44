"""Enrolment over Secure Transport: the bodies of RFC 7030 as bytes. Pure; HTTP stands elsewhere.

Bodies are base64 of DER, whatever Content-Transfer-Encoding says (RFC 8951 section 3.1).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from pyv_fleet.trust.csr import CSR_BYTES_MAX
from pyv_fleet.trust.errors import CsrRefused

REQUEST_TYPE: Final = "application/pkcs10"
CACERTS_TYPE: Final = "application/pkcs7-mime"
ENROLLED_TYPE: Final = "application/pkcs7-mime; smime-type=certs-only"
TRANSFER_ENCODING: Final = "base64"
"""The Content-Transfer-Encoding that RFC 7030 asks for and RFC 8951 says to ignore."""
BODY_BYTES_MAX: Final = 2 * CSR_BYTES_MAX
_LINE: Final = 64


def csr_of(body: bytes) -> bytes:
    """The DER of the PKCS#10 in the body of simpleenroll or simplereenroll; CsrRefused if it is not base64."""
    if len(body) > BODY_BYTES_MAX:
        raise CsrRefused(f"body: {len(body)} bytes where at most {BODY_BYTES_MAX} are allowed")
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise CsrRefused("body: not base64 of a DER certificate request (RFC 7030, section 4.2.1)") from None
    if not der:
        raise CsrRefused("body: empty; send base64 of a DER certificate request")
    return der


def certs_only(certificates: Sequence[x509.Certificate]) -> bytes:
    """The body that answers cacerts and simpleenroll: base64 of a certs-only PKCS#7, in lines of 64."""
    encoded = base64.b64encode(serialize_certificates(list(certificates), Encoding.DER))
    lines = [encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE)]
    return b"\n".join(lines) + b"\n"

"""TLS as a device speaks it: 1.2 or newer, the fleet's own server CA and no other, names checked."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

from pyv_edge_agent.link.interface import Credentials, LinkError, Passport
from pyvorin_edge.trust import Link as Whereabouts

#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python's ssl does not name it
_NO_CHECK_TIME: Final = 0x200000


def client_context(
    ca_pem: Sequence[str], credentials: Credentials | None = None, *, check_time: bool = True
) -> ssl.SSLContext:
    """A context that trusts only `ca_pem`; LinkError if it, the certificate or the key cannot be used.

    Without `check_time` a certificate counts whatever its dates: a device that woke in 1970 must reach its fleet all
    the same. Its CA and name are checked as ever.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, and checks the host's name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not check_time:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    if not ca_pem:
        raise LinkError("no server CA is known: provision this device again")
    try:
        context.load_verify_locations(cadata="\n".join(ca_pem))
    except (ssl.SSLError, ValueError, TypeError) as why:
        raise LinkError(f"the server CA is no certificate in PEM: {why}") from None
    if credentials is not None:
        _load(context, credentials)
    return context


def device_context(whereabouts: Whereabouts, passport: Passport) -> ssl.SSLContext:
    """For a device that speaks with its fleet there; LinkError as above."""
    ca_pem = whereabouts.ca_pem or (passport.server_ca_pem,)
    return client_context(ca_pem, passport.credentials, check_time=passport.clock_synced())


def unverified_context() -> ssl.SSLContext:
    """For the one request that fetches the CA which the token's pin is then checked against; never with a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _load(context: ssl.SSLContext, credentials: Credentials) -> None:
    try:
        context.load_cert_chain(credentials.certificate, credentials.key)
    except (OSError, ssl.SSLError) as why:
        raise LinkError(
            f"{credentials.certificate.name} and {credentials.key.name} cannot be used: {why}; provision again"
        ) from None

"""The client's certificate in a request: ours is seen, also expired; another CA's does not pass; none is none."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pyv_fleet.api.server import Listener
from pyv_fleet.api.tls import CERTIFICATE_KEY, server_context
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority

NOW = dt.datetime.now(dt.UTC)


async def echo(scope: Any, _receive: Any, send: Any) -> None:
    """Answers with the certificate's CN, or with nothing."""
    der = scope.get("extensions", {}).get(CERTIFICATE_KEY)
    name = x509.load_der_x509_certificate(der).subject.rfc4514_string() if der else ""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name.encode()})


def own(folder: Path, issued_at: dt.datetime) -> tuple[Authority, Path]:
    """An authority, and a device's certificate with its key in one file."""
    authority = Authority.open_or_create(folder / "ca", (), NOW)
    key = certificates.new_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    made = authority.issue(csr.public_bytes(Encoding.DER), "FLEET-1", issued_at)
    path = folder / "device.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return authority, path


def ask(authority: Authority, bearing: Path | None) -> str:
    places = authority.places
    tls = server_context(str(places.server.certificate), str(places.server.key), str(places.device_ca.certificate))

    async def asked() -> str:
        listener = Listener(echo, "127.0.0.1", 0, tls)
        await listener.start()
        client_tls = ssl.create_default_context(cafile=str(places.server_ca.certificate))
        if bearing is not None:
            client_tls.load_cert_chain(bearing)
        try:
            async with httpx.AsyncClient(verify=client_tls) as client:
                return (await client.get(listener.url)).text
        finally:
            await listener.stop()

    return asyncio.run(asked())


def test_ours_is_seen_and_none_is_none(tmp_path: Path) -> None:
    authority, device = own(tmp_path, NOW)
    assert ask(authority, device) == "CN=FLEET-1"
    assert ask(authority, None) == ""


def test_an_expired_one_passes_the_handshake_so_that_it_can_be_renewed(tmp_path: Path) -> None:
    authority, device = own(tmp_path, NOW - dt.timedelta(days=500))
    assert ask(authority, device) == "CN=FLEET-1"


def test_another_authoritys_does_not_pass_the_handshake(tmp_path: Path) -> None:
    authority, _ = own(tmp_path / "ours", NOW)
    _, stranger = own(tmp_path / "theirs", NOW)
    with pytest.raises(httpx.TransportError):
        ask(authority, stranger)

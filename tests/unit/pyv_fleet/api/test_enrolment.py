"""EST over HTTP: what is asked of whom, before the engine is asked anything."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from running.faces import Browser, StandInDesk, app_of, certificate

ENROL = "/.well-known/est/simpleenroll"
BASIC = {"authorization": "Basic " + base64.b64encode(b"FLEET-1:pyv1.x").decode()}


class Enrolling(StandInDesk):
    """Issues whatever is asked for."""

    async def enrol(self, device_id: str, token_text: str, csr_der: bytes, address: str) -> bytes:
        self.asked.append(("enrol", device_id, token_text, csr_der, address))
        return certificate(device_id).public_bytes(Encoding.DER)

    async def reenrol(self, device_id: str, csr_der: bytes, presented_cert_der: bytes) -> bytes:
        self.asked.append(("reenrol", device_id, x509.load_der_x509_certificate(presented_cert_der).serial_number))
        return certificate(device_id).public_bytes(Encoding.DER)

    async def join(self, device_id: str, cert_serial: int) -> Any:
        self.asked.append(("join", device_id, cert_serial))
        raise NotImplementedError


def certificates_in(body: bytes) -> list[x509.Certificate]:
    return load_der_pkcs7_certificates(base64.b64decode(body))


def test_cacerts_tells_server_ca_and_device_ca_to_anybody() -> None:
    answer = Browser(app_of(StandInDesk()))("GET", "/.well-known/est/cacerts")
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    assert len(certificates_in(answer.content)) == 2


def test_id_token_and_csr_reach_the_engine_and_the_certificate_comes_back() -> None:
    desk = Enrolling()
    answer = Browser(app_of(desk))("POST", ENROL, content=base64.encodebytes(b"csr"), headers=BASIC)
    assert answer.status_code == 200
    assert desk.asked == [("enrol", "FLEET-1", "pyv1.x", b"csr", "203.0.113.9")]
    assert len(certificates_in(answer.content)) == 1
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic %%%", "Basic " + base64.b64encode(b"no-colon").decode(), "Bearer pyvapi1.nope"]
)
def test_without_id_and_token_it_is_401(header: str | None) -> None:
    desk = Enrolling()
    headers = {"authorization": header} if header else {}
    answer = Browser(app_of(desk))("POST", ENROL, content=b"AAAA", headers=headers)
    assert (answer.status_code, desk.asked) == (401, [])
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"%%%", 422), (b"A" * 100_000, 413)])
def test_a_body_that_is_no_base64_or_too_long_is_refused(body: bytes, status: int) -> None:
    desk = Enrolling()
    answer = Browser(app_of(desk))("POST", ENROL, content=body, headers=BASIC)
    assert (answer.status_code, desk.asked) == (status, [])


def test_renewal_goes_by_the_certificate_borne_also_an_expired_one() -> None:
    desk, old = Enrolling(), certificate("FLEET-1", days=-1)
    browser = Browser(app_of(desk), bearing=old)
    assert browser("POST", "/.well-known/est/simplereenroll", content=b"AAAA").status_code == 200
    assert desk.asked == [("reenrol", "FLEET-1", old.serial_number)]


def test_renewal_without_a_certificate_is_401() -> None:
    assert Browser(app_of(Enrolling()))("POST", "/.well-known/est/simplereenroll", content=b"AAAA").status_code == 401


def test_join_tells_the_engine_which_certificate_asked() -> None:
    own = certificate("FLEET-1")
    desk = Enrolling(certificates={"FLEET-1": own.serial_number})
    Browser(app_of(desk), bearing=own)("GET", "/v1/devices/FLEET-1/join")
    assert desk.asked == [("join", "FLEET-1", own.serial_number)]

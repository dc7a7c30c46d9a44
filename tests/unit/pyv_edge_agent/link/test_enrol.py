"""Enrolment over real TLS: the pin decides whom a fresh device tells its token."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from pyv_edge_agent.link import enrol
from pyv_edge_agent.link.enrol import EnrolmentRefused
from pyv_edge_agent.link.interface import Credentials, LinkError
from pyvorin_edge import wire
from pyvorin_edge.enrolment import make_token
from pyvorin_edge.report import Join, JoinLink
from running.desk import Desk, open_desk

DEVICE = "FLEET-0a1b2c3d4e5f"
JOIN = Join(
    v=1, fleet="acme", trust_anchor="ab" * 32, trust=(), assignment="{}", incarnation=1, epoch=1, generation=0,
    number=1, link=JoinLink(mqtt=("h:1",), http=(), ca_pem=()),
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, DEVICE) as serving:
        yield serving


def test_the_ca_that_the_token_names_is_found_and_then_trusted(desk: Desk) -> None:
    ca_pem = enrol.fetch_server_ca(desk.url, desk.token)
    assert ca_pem == desk.server_ca_pem
    key = enrol.new_key_pem()
    certificate = x509.load_pem_x509_certificate(enrol.enrol(desk.url, ca_pem, DEVICE, desk.token, key))
    assert certificate.subject.rfc4514_string() == f"CN={DEVICE}"


def test_a_server_with_another_ca_never_sees_the_token(desk: Desk) -> None:
    other = make_token(b"s" * 32, "0" * 64)
    with pytest.raises(LinkError, match="its CA has another key"):
        enrol.fetch_server_ca(desk.url, other)
    assert [path for path, _ in desk.asked] == ["/.well-known/est/cacerts"]


def test_a_refusal_is_told_in_the_controllers_own_words_without_the_token(desk: Desk) -> None:
    with pytest.raises(EnrolmentRefused, match=r"401 .*the token is used up") as seen:
        enrol.enrol(desk.url, desk.server_ca_pem, "FLEET-other", desk.token, enrol.new_key_pem())
    assert desk.token.text not in str(seen.value)


def test_the_join_document_is_fetched_by_the_devices_certificate(desk: Desk, tmp_path: Path) -> None:
    key = enrol.new_key_pem()
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "pem").write_bytes(enrol.enrol(desk.url, desk.server_ca_pem, DEVICE, desk.token, key))
    desk.answers[f"/v1/devices/{DEVICE}/join"] = (200, wire.encode(JOIN))
    join, body = enrol.fetch_join(desk.url, desk.server_ca_pem, DEVICE, Credentials(tmp_path / "pem", tmp_path / "key"))
    assert (join, body) == (JOIN, wire.encode(JOIN))
    assert desk.asked[-1] == (f"/v1/devices/{DEVICE}/join", DEVICE)


def test_a_certificate_fits_only_its_own_key_and_name(desk: Desk) -> None:
    key = enrol.new_key_pem()
    certificate = enrol.enrol(desk.url, desk.server_ca_pem, DEVICE, desk.token, key)
    assert enrol.fits(certificate, key, DEVICE)
    assert not enrol.fits(certificate, key, "FLEET-other")
    assert not enrol.fits(certificate, enrol.new_key_pem(), DEVICE)
    assert not enrol.fits(b"", key, DEVICE)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "127.0.0.1:1", "https://", "https://u:p@h", "https://h/path", "https://h:x"]
)
def test_only_plain_https_addresses_are_spoken_to(url: str) -> None:
    with pytest.raises(LinkError, match="https://"):
        enrol.fetch_server_ca(url, make_token(b"s" * 32, "0" * 64))


def test_a_controller_that_does_not_answer_is_named(desk: Desk) -> None:
    with pytest.raises(LinkError, match=r"https://127\.0\.0\.1:1: Connection refused"):
        enrol.fetch_server_ca("https://127.0.0.1:1", desk.token)


@pytest.mark.parametrize("der", ["300b06092a864886f70d010701", "30020500", ""])
def test_an_answer_that_is_no_certificate_is_refused_in_words(der: str) -> None:
    with pytest.raises(LinkError, match="no certs-only"):
        enrol._certificates_of(base64.b64encode(bytes.fromhex(der)))

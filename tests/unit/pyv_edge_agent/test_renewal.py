"""A certificate is renewed in time with the same key, also when it expired; what fails leaves the old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from pyv_edge_agent.link import enrol
from pyv_edge_agent.link.interface import Credentials, Passport
from pyv_edge_agent.link.validity import validity_of
from pyv_edge_agent.renewal import Renewal
from pyvorin_edge.trust import Link as Whereabouts
from running.desk import Desk, open_desk

DEVICE = "FLEET-0a1b2c3d4e5f"
DAY_MS = 86_400_000
REENROL = "/.well-known/est/simplereenroll"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, DEVICE) as serving:
        yield serving


@pytest.fixture
def passport(desk: Desk, tmp_path: Path) -> Passport:
    key = enrol.new_key_pem()
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "pem").write_bytes(enrol.enrol(desk.url, desk.server_ca_pem, DEVICE, desk.token, key))
    return Passport(Credentials(tmp_path / "pem", tmp_path / "key"), desk.server_ca_pem)


def renewal(passport: Passport, urls: tuple[str, ...], after_days: float, kept: list[bytes]) -> Renewal:
    """One whose clock stands so many days after the certificate began."""
    validity = validity_of(passport.credentials.certificate.read_bytes())
    assert validity is not None
    now = validity.not_before + int(after_days * DAY_MS)
    return Renewal(DEVICE, lambda: passport, where=lambda: Whereabouts(http=urls), now_ms=lambda: now, keep=kept.append)


def key_of(pem: bytes) -> object:
    return x509.load_pem_x509_certificate(pem).public_key()


def test_before_two_thirds_of_its_life_nobody_is_asked(desk: Desk, passport: Passport) -> None:
    asked, kept = len(desk.asked), list[bytes]()
    assert renewal(passport, (desk.url,), 200, kept).look()
    assert (len(desk.asked), kept) == (asked, [])


@pytest.mark.parametrize("after_days", [250.0, 400.0])
def test_after_that_and_when_it_expired_it_is_renewed_with_the_same_key(
    desk: Desk, passport: Passport, after_days: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, kept = passport.credentials.certificate.read_bytes(), list[bytes]()
    lasting = validity_of(before)
    assert lasting is not None
    one = renewal(passport, ("https://127.0.0.1:1", desk.url), after_days, kept)
    monkeypatch.setattr("pyv_edge_agent.renewal.validity_of", lambda pem: _later(pem, before))
    assert one.look()
    assert key_of(kept[0]) == key_of(before)
    assert desk.asked[-1] == (REENROL, DEVICE)  # it bore the old one


def test_what_fails_leaves_the_old_one_and_is_tried_again(desk: Desk, passport: Passport) -> None:
    desk.answers[REENROL] = (403, b'{"title":"no","detail":"quarantined"}')
    kept: list[bytes] = []
    assert not renewal(passport, (desk.url,), 300, kept).look()
    assert kept == []


def test_one_that_lasts_no_longer_is_not_taken(desk: Desk, passport: Passport) -> None:
    """A controller whose clock is wrong must not make a fleet ask again and again, or shorten its life."""
    kept: list[bytes] = []
    renewal(passport, (desk.url,), 300, kept).look()
    before = validity_of(passport.credentials.certificate.read_bytes())
    assert before is not None
    assert all((validity_of(pem) or before).not_after > before.not_after for pem in kept)


def _later(pem: bytes, before: bytes) -> object:
    from pyv_edge_agent.link.validity import Validity

    found = validity_of(pem)
    assert found is not None
    return found if pem == before else Validity(found.not_before, found.not_after + DAY_MS)

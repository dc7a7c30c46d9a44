"""TLS of a device: the fleet's CA alone, names checked, 1.2 or newer; each fault in one sentence."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from pyv_edge_agent.link.http import Https
from pyv_edge_agent.link.interface import Credentials, LinkError, Passport
from pyv_edge_agent.link.tls import client_context, device_context, unverified_context
from pyvorin_edge.trust import Link as Whereabouts
from running.desk import open_desk

CA = trustme.CA()
CA_PEM = CA.cert_pem.bytes().decode()


def credentials_at(root: Path) -> Credentials:
    leaf = CA.issue_cert("device")
    leaf.private_key_pem.write_to_path(str(root / "device.key"))
    leaf.cert_chain_pems[0].write_to_path(str(root / "device.pem"))
    return Credentials(root / "device.pem", root / "device.key")


def test_only_the_fleets_ca_is_trusted_and_names_are_checked(tmp_path: Path) -> None:
    context = client_context([CA_PEM], credentials_at(tmp_path))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509"] == 1


def test_a_link_without_a_ca_uses_the_pinned_one(tmp_path: Path) -> None:
    passport = Passport(credentials_at(tmp_path), CA_PEM)
    assert device_context(Whereabouts(), passport).get_ca_certs() == client_context([CA_PEM]).get_ca_certs()
    other = trustme.CA().cert_pem.bytes().decode()
    named = device_context(Whereabouts(ca_pem=(other,)), passport)
    assert named.get_ca_certs() == client_context([other]).get_ca_certs()


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="no server CA"):
        client_context([])
    with pytest.raises(LinkError, match="no certificate in PEM"):
        client_context(["nonsense"])
    with pytest.raises(LinkError, match=r"device\.pem and device\.key cannot be used"):
        client_context([CA_PEM], Credentials(tmp_path / "device.pem", tmp_path / "device.key"))


def test_the_unverified_context_verifies_nothing() -> None:
    assert unverified_context().verify_mode is ssl.CERT_NONE


def test_a_device_that_woke_in_1970_reaches_its_fleet_and_one_with_a_clock_judges_by_it(tmp_path: Path) -> None:
    """For it, all certificates are from the future (rule 8)."""
    with open_desk(tmp_path, "FLEET-1", born=datetime.now(UTC) + timedelta(days=365)) as desk:
        cacerts = "/.well-known/est/cacerts"
        asked = Https(desk.url, client_context([desk.server_ca_pem], check_time=False))
        assert asked.get(cacerts)
        with pytest.raises(LinkError, match="not yet valid"):
            Https(desk.url, client_context([desk.server_ca_pem])).get(cacerts)

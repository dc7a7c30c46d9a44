"""The certificate authorities on disk."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import CONTROLLER_NAME, Authority, Places, Revoked
from pyv_fleet.trust.errors import AuthorityBroken, CsrRefused, RenewalRefused

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def request_by(key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open_or_create(tmp_path / "ca", ["fleet.example", "192.0.2.7"], NOW)


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_everything_made_is_its_owners_alone(authority: Authority) -> None:
    root = authority.places.root
    assert root.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in root.iterdir()} == {0o600}


def test_opening_again_changes_no_file(authority: Authority) -> None:
    root = authority.places.root
    before = {file.name: file.read_bytes() for file in root.iterdir()}
    Authority.open_or_create(root, ["fleet.example"], NOW + DAY)
    assert {file.name: file.read_bytes() for file in root.iterdir()} == before


@pytest.mark.parametrize("missing", ["device-ca.pem", "server.pem", "server.key", "canary.pem", "device.crl"])
def test_a_creation_that_was_cut_off_is_completed(authority: Authority, missing: str) -> None:
    root = authority.places.root
    (root / missing).unlink()
    again = Authority.open_or_create(root, [], NOW)
    assert (root / missing).exists()
    assert loaded(again.places.server.certificate).verify_directly_issued_by(again.server_ca) is None


def test_the_server_answers_to_its_hosts_and_always_to_localhost(authority: Authority) -> None:
    names = loaded(authority.places.server.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert set(names.value.get_values_for_type(x509.DNSName)) == {"localhost", "fleet.example"}
    addresses = set(names.value.get_values_for_type(x509.IPAddress))
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("192.0.2.7")} <= addresses


def test_a_new_host_or_a_near_end_makes_a_new_server_certificate_with_the_same_key(authority: Authority) -> None:
    first = loaded(authority.places.server.certificate)
    assert not authority.refresh(["fleet.example"], NOW)
    assert authority.refresh(["other.example"], NOW)
    second = loaded(authority.places.server.certificate)
    assert authority.refresh(["other.example"], NOW + 350 * DAY)
    third = loaded(authority.places.server.certificate)
    assert len({first.serial_number, second.serial_number, third.serial_number}) == 3
    assert first.public_key() == third.public_key()


def test_an_issued_certificate_names_the_device_and_serves_clients_alone(authority: Authority) -> None:
    key = certificates.new_key()
    made = authority.issue(request_by(key), "FLEET-0a1b2c3d4e5f", NOW)
    made.verify_directly_issued_by(authority.device_ca)
    assert certificates.common_name(made.subject) == "FLEET-0a1b2c3d4e5f"
    assert made.public_key() == key.public_key()
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    "name", ["@controller", "a/b", "+", "#", "", "a" * 65, "-a", "pyvorin.canary", "PYVORIN.probe"]
)
def test_a_name_outside_the_form_is_never_issued(authority: Authority, name: str) -> None:
    with pytest.raises(CsrRefused, match="device id"):
        authority.issue(request_by(certificates.new_key()), name, NOW)


def test_the_controllers_certificate_is_of_its_own_ca(authority: Authority) -> None:
    own = loaded(authority.places.controller.certificate)
    assert certificates.common_name(own.subject) == CONTROLLER_NAME
    assert own.issuer != authority.device_ca.subject


def test_the_canary_is_on_every_crl(authority: Authority) -> None:
    crl = x509.load_pem_x509_crl(authority.write_crl([Revoked(77, NOW)], NOW))
    canary = loaded(authority.places.canary.certificate)
    assert {line.serial_number for line in crl} == {77, canary.serial_number}
    assert crl.next_update_utc == NOW + 30 * DAY
    assert crl.is_signature_valid(authority.device_ca.public_key())  # type: ignore[arg-type]


def test_the_probe_is_on_no_crl(authority: Authority) -> None:
    crl = x509.load_pem_x509_crl(authority.places.device_crl.read_bytes())
    assert (
        crl.get_revoked_certificate_by_serial_number(loaded(authority.places.probe.certificate).serial_number) is None
    )


def test_each_crl_begins_later_than_the_last_also_within_a_second(authority: Authority) -> None:
    begun = [x509.load_pem_x509_crl(authority.write_crl((), NOW)).last_update_utc for _ in range(3)]
    assert begun == sorted(set(begun))


def test_a_clock_that_was_set_back_still_gets_a_crl_in_force(authority: Authority) -> None:
    authority.write_crl((), NOW + 400 * DAY)
    crl = x509.load_pem_x509_crl(authority.write_crl((), NOW))
    assert crl.last_update_utc <= NOW < crl.next_update_utc


def test_a_certificate_renews_with_its_key_until_a_year_after_its_end(authority: Authority) -> None:
    key = certificates.new_key()
    old = authority.issue(request_by(key), "dev-a", NOW)
    late = old.not_valid_after_utc + 365 * DAY
    new = authority.renew(request_by(key), old, late)
    assert new.not_valid_after_utc > late
    assert certificates.common_name(new.subject) == "dev-a"
    with pytest.raises(RenewalRefused, match="over a year"):
        authority.renew(request_by(key), old, late + timedelta(seconds=1))


def test_another_key_a_revoked_or_a_foreign_certificate_does_not_renew(authority: Authority, tmp_path: Path) -> None:
    key = certificates.new_key()
    old = authority.issue(request_by(key), "dev-a", NOW)
    foreign = Authority.open_or_create(tmp_path / "other", [], NOW).issue(request_by(key), "dev-a", NOW)
    with pytest.raises(RenewalRefused, match="another key"):
        authority.renew(request_by(certificates.new_key()), old, NOW)
    with pytest.raises(RenewalRefused, match="quarantined"):
        authority.renew(request_by(key), old, NOW, revoked={old.serial_number})
    with pytest.raises(RenewalRefused, match="not of this fleet"):
        authority.renew(request_by(key), foreign, NOW)


def test_the_probes_certificate_does_not_renew(authority: Authority) -> None:
    places = authority.places
    key = serialization.load_pem_private_key(places.probe.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    with pytest.raises(CsrRefused):
        authority.renew(request_by(key), loaded(places.probe.certificate), NOW)


def test_a_key_that_others_may_read_is_refused_by_name(authority: Authority) -> None:
    authority.places.device_ca.key.chmod(0o644)
    with pytest.raises(AuthorityBroken, match=r"device-ca\.key"):
        Authority(authority.places)


def test_a_damaged_authority_says_which_file(authority: Authority) -> None:
    authority.places.server_ca.certificate.write_bytes(b"garbage")
    with pytest.raises(AuthorityBroken, match=r"server-ca\.pem"):
        Authority(Places(authority.places.root))


def test_a_lost_ca_key_is_an_error_and_no_new_ca(authority: Authority) -> None:
    authority.places.device_ca.key.unlink()
    with pytest.raises(AuthorityBroken, match=r"device-ca\.key"):
        Authority.open_or_create(authority.places.root, [], NOW)


def test_the_fingerprint_is_that_of_the_server_cas_public_key(authority: Authority) -> None:
    assert authority.server_ca_spki_sha256 == certificates.spki_sha256(authority.server_ca.public_key())
    assert len(bytes.fromhex(authority.server_ca_spki_sha256)) == 32

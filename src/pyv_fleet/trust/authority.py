"""The fleet's certificate authorities on disk: three CAs, their leaves and the CRL (PROTOCOL 2).

Device CA, server CA and controller CA are apart, so that no certificate issued to a device can ever pass on the
controller's listener, nor as a server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pyv_fleet.durable import private_dir, write_durably
from pyv_fleet.trust import certificates, csr
from pyv_fleet.trust.certificates import CLIENT, SERVER, Issuer, Leaf, Revoked, Usage, common_name
from pyv_fleet.trust.errors import AuthorityBroken, CsrRefused, RenewalRefused

CA_LIFE: Final = timedelta(days=20 * 365)
DEVICE_LIFE: Final = timedelta(days=365)
OWN_LIFE: Final = timedelta(days=398)
OWN_RENEWED_BEFORE: Final = timedelta(days=60)
RENEWABLE_AFTER_EXPIRY: Final = timedelta(days=365)
"""A certificate that expired while the device was away renews with the same key for so long (PROTOCOL 2)."""

CONTROLLER_NAME: Final = "@controller"
"""Begins with `@`, which the form of device ids forbids."""
CANARY_NAME: Final = "pyvorin.canary"
"""A device certificate that is on every CRL: whoever lets it in has lost the CRL."""
PROBE_NAME: Final = "pyvorin.probe"
"""A device certificate with which the controller tries what must be forbidden."""
ALWAYS_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pair:
    """Where a certificate and its key lie."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Places:
    """The files of an authority's directory. Keys are 0600; `device_crl` is rewritten daily."""

    root: Path

    @property
    def device_ca(self) -> Pair:
        """Signs devices."""
        return self._pair("device-ca")

    @property
    def server_ca(self) -> Pair:
        """Signs the one server certificate; its public key stands in enrolment tokens."""
        return self._pair("server-ca")

    @property
    def controller_ca(self) -> Pair:
        """Signs the controller's client certificate."""
        return self._pair("controller-ca")

    @property
    def server(self) -> Pair:
        """For the broker's listeners and the API."""
        return self._pair("server")

    @property
    def controller(self) -> Pair:
        """The controller's client certificate for its own listener."""
        return self._pair("controller")

    @property
    def canary(self) -> Pair:
        """The certificate that must always be refused."""
        return self._pair("canary")

    @property
    def probe(self) -> Pair:
        """The certificate that may connect and do nothing more."""
        return self._pair("probe")

    @property
    def device_crl(self) -> Path:
        """The device CA's CRL."""
        return self.root / "device.crl"

    def _pair(self, name: str) -> Pair:
        return Pair(self.root / f"{name}.pem", self.root / f"{name}.key")


class Authority:
    """The CAs, opened. Time is an argument everywhere; serial numbers are random."""

    def __init__(self, places: Places) -> None:
        """Open what `open_or_create` made; AuthorityBroken if a file is missing or does not parse."""
        self.places = places
        self._device_ca = _read_issuer(places.device_ca)
        self._server_ca = _read_issuer(places.server_ca)
        self._controller_ca = _read_issuer(places.controller_ca)

    @classmethod
    def open_or_create(cls, directory: Path, hosts: Sequence[str], now: datetime) -> Authority:
        """Make what is missing in `directory`, then open it. Safe to repeat, also after a power cut in the middle.

        `hosts` are the names and addresses under which devices reach the server; localhost is always among them.
        """
        places = Places(private_dir(directory))
        for pair, name in (
            (places.device_ca, "Pyvorin Fleet device CA"),
            (places.server_ca, "Pyvorin Fleet server CA"),
            (places.controller_ca, "Pyvorin Fleet controller CA"),
        ):
            _make_ca(pair, name, now)
        authority = cls(places)
        authority.refresh(hosts, now)
        if not places.device_crl.exists():
            authority.write_crl((), now)
        return authority

    @property
    def device_ca(self) -> x509.Certificate:
        """The certificate that devices' certificates are verified by."""
        return self._device_ca.certificate

    @property
    def server_ca(self) -> x509.Certificate:
        """The certificate that devices verify the server by."""
        return self._server_ca.certificate

    @property
    def server_ca_spki_sha256(self) -> str:
        """What an enrolment token carries, so that a fresh device knows whom it talks to."""
        return certificates.spki_sha256(self.server_ca.public_key())

    def refresh(self, hosts: Sequence[str], now: datetime) -> bool:
        """Issue anew what of our own leaves is missing, near its end, or lacks a host; whether any was. Call daily."""
        names = tuple(dict.fromkeys((*ALWAYS_HOSTS, *hosts)))
        made = [
            self._own(self.places.server, self._server_ca, "pyvorin-fleet", SERVER, now, names),
            self._own(self.places.controller, self._controller_ca, CONTROLLER_NAME, CLIENT, now),
            self._own(self.places.probe, self._device_ca, PROBE_NAME, CLIENT, now),
            self._own(self.places.canary, self._device_ca, CANARY_NAME, CLIENT, now),
        ]
        return any(made)

    def issue(self, request: bytes, device_id: str, now: datetime) -> x509.Certificate:
        """A device's certificate, CN = `device_id`; CsrRefused if the CSR or the id is not of the form."""
        name, key = csr.accept(request, device_id)
        leaf = Leaf(name, CLIENT, x509.random_serial_number(), DEVICE_LIFE)
        return certificates.issue(self._device_ca, leaf, key, now)

    def renew(
        self, request: bytes, old: x509.Certificate, now: datetime, revoked: Collection[int] = ()
    ) -> x509.Certificate:
        """A new certificate for the id and key of `old`, also for a year after it expired; RenewalRefused else."""
        try:
            old.verify_directly_issued_by(self.device_ca)
            device_id = common_name(old.subject) or ""
        except (InvalidSignature, ValueError, TypeError):
            raise RenewalRefused("the certificate to renew is not of this fleet: enrol with a token") from None
        if old.serial_number in revoked:
            raise RenewalRefused(f"{device_id} is quarantined: its certificate was revoked")
        if now > old.not_valid_after_utc + RENEWABLE_AFTER_EXPIRY:
            raise RenewalRefused(f"{device_id}: its certificate expired over a year ago: enrol with a token")
        _, key = csr.accept(request, device_id)
        if key != old.public_key():
            raise RenewalRefused(f"{device_id}: the CSR is by another key: enrol with a token bound to this id")
        return self.issue(request, device_id, now)

    def listed(self, now: datetime) -> list[Revoked]:
        """What the device CRL that was written last lists, without the canary, as long as it can matter; empty if it
        is not there or not ours."""
        try:
            crl = x509.load_pem_x509_crl(self.places.device_crl.read_bytes())
            if not crl.is_signature_valid(_ec_key(self.device_ca)):
                return []
        except (OSError, ValueError, TypeError):
            return []
        canary = _read_certificate(self.places.canary.certificate).serial_number
        since = now - DEVICE_LIFE - RENEWABLE_AFTER_EXPIRY
        lines = [Revoked(one.serial_number, one.revocation_date_utc) for one in crl]
        return [one for one in lines if one.serial != canary and one.at > since]

    def write_crl(self, revoked: Iterable[Revoked], now: datetime) -> bytes:
        """Write the device CRL durably and return its PEM; the canary is always on it. Call at least daily."""
        canary = _read_certificate(self.places.canary.certificate)
        lines = [Revoked(canary.serial_number, canary.not_valid_before_utc), *revoked]
        begins = _next_beginning(self.places.device_crl, now)
        text = certificates.revocation_list(self._device_ca, lines, now, begins)
        write_durably(self.places.device_crl, text)
        return text

    def _own(
        self, pair: Pair, issuer: Issuer, name: str, usage: Usage, now: datetime, hosts: Sequence[str] = ()
    ) -> bool:
        if _still_good(pair, issuer, now, hosts):
            return False
        key = _key_of(pair)
        leaf = Leaf(name, usage, x509.random_serial_number(), OWN_LIFE, hosts)
        certificate = certificates.issue(issuer, leaf, key.public_key(), now)
        write_durably(pair.certificate, certificates.pem_of(certificate))
        return True


def _ec_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey), "our CAs have EC keys"
    return key


def _make_ca(pair: Pair, name: str, now: datetime) -> None:
    """Key first, certificate second: a cut between the two leaves a key that the next call takes up."""
    if pair.certificate.exists():
        return
    serial = x509.random_serial_number()
    made = certificates.self_signed(name, _key_of(pair), serial=serial, now=now, life=CA_LIFE)
    write_durably(pair.certificate, certificates.pem_of(made.certificate))


def _key_of(pair: Pair) -> ec.EllipticCurvePrivateKey:
    if not pair.key.exists():
        write_durably(pair.key, certificates.private_pem(certificates.new_key()))
    return _read_key(pair.key)


def _still_good(pair: Pair, issuer: Issuer, now: datetime, hosts: Sequence[str]) -> bool:
    if not pair.certificate.exists() or not pair.key.exists():
        return False
    certificate = _read_certificate(pair.certificate)
    if now > certificate.not_valid_after_utc - OWN_RENEWED_BEFORE:
        return False
    if certificate.public_key() != _read_key(pair.key).public_key():
        return False
    if certificate.issuer != issuer.certificate.subject:
        return False
    return set(hosts) <= _hosts_of(certificate)


def _hosts_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _read_issuer(pair: Pair) -> Issuer:
    return Issuer(_read_certificate(pair.certificate), _read_key(pair.key))


def _next_beginning(crl: Path, now: datetime) -> datetime:
    """Later than that of the CRL there, or OpenSSL may keep the old one; but never ahead of the clock."""
    backdated = now - certificates.BACKDATED
    try:
        after_last = x509.load_pem_x509_crl(crl.read_bytes()).last_update_utc + timedelta(seconds=1)
    except (OSError, ValueError):
        return backdated
    return backdated if after_last > now else max(backdated, after_last)


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as why:
        raise AuthorityBroken(f"{path.name}: no certificate could be read ({why}); restore it from a backup") from None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise AuthorityBroken(f"{path.name}: others may read this key; chmod 600 it, then think of replacing it")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as why:
        raise AuthorityBroken(f"{path.name}: no key could be read ({why}); restore it from a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityBroken(f"{path.name}: not an EC key; restore it from a backup")
    return key


__all__ = ["Authority", "CsrRefused", "Pair", "Places", "RenewalRefused", "Revoked"]

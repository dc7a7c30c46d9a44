"""X.509 as this fleet uses it: one key type (EC P-256), CAs, leaves, the CRL. Pure but for what signing draws."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

BACKDATED: Final = timedelta(days=1)
"""Certificates begin a day early: a device whose clock lags a little can still join."""
CRL_LIFE: Final = timedelta(days=30)
"""An expired CRL locks every device out: so 30 days, rewritten daily (PROTOCOL 10)."""


class Usage(NamedTuple):
    """What a leaf may be used for in TLS."""

    purpose: ObjectIdentifier


SERVER: Final = Usage(ExtendedKeyUsageOID.SERVER_AUTH)
CLIENT: Final = Usage(ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Issuer:
    """A CA's certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Revoked:
    """One line of the CRL."""

    serial: int
    at: datetime


@dataclass(frozen=True)
class Leaf:
    """What a certificate to be issued says: CN, names, use, life. `serial` is random, chosen by the caller."""

    name: str
    usage: Usage
    serial: int
    life: timedelta
    hosts: Sequence[str] = ()


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh EC P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def self_signed(name: str, key: ec.EllipticCurvePrivateKey, *, serial: int, now: datetime, life: timedelta) -> Issuer:
    """A CA that signs leaves and CRLs, no further CAs."""
    subject = _subject(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def issue(issuer: Issuer, leaf: Leaf, public_key: ec.EllipticCurvePublicKey, now: datetime) -> x509.Certificate:
    """A leaf certificate for `public_key`, signed by `issuer`."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(leaf.name))
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(leaf.serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + leaf.life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([leaf.usage.purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_identifier(issuer), critical=False)
    )
    if leaf.hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in leaf.hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def revocation_list(issuer: Issuer, revoked: Iterable[Revoked], now: datetime, begins: datetime) -> bytes:
    """The issuer's CRL in PEM, good for CRL_LIFE; its number is its beginning, so it only grows if that does."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begins)
        .next_update(now + CRL_LIFE)
        .add_extension(x509.CRLNumber(int(begins.timestamp())), critical=False)
        .add_extension(_authority_identifier(issuer), critical=False)
    )
    for serial, at in sorted({line.serial: line.at for line in revoked}.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem_of(certificate: x509.Certificate) -> bytes:
    """A certificate's PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """An unencrypted PKCS#8 PEM: only ever for a file of mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def spki_sha256(public_key: object) -> str:
    """The fingerprint of a public key: SHA-256 of its SubjectPublicKeyInfo, lower-case hex."""
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise TypeError("only EC keys are used here")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def common_name(subject: x509.Name) -> str | None:
    """The one CN of a subject that says nothing else; none if it is empty. ValueError if there is more in it."""
    attributes = list(subject)
    if not attributes:
        return None
    if len(attributes) > 1 or attributes[0].oid != NameOID.COMMON_NAME:
        raise ValueError("the subject holds more than one common name")
    return str(attributes[0].value)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority_identifier(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

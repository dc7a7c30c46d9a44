"""The managed broker's settings and the text of mosquitto.conf (PROTOCOL 10). Pure: paths are only names here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyv_fleet.broker.interface import BrokerAddress, BrokerError

MESSAGE_BYTES_MAX: Final = 128 * 1024
"""Twice the largest thing we send (a blob of 64 KiB): what is larger never enters the broker's memory."""
QUEUED_MIN: Final = 10_000


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, as files in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class TlsFiles:
    """What the broker and its probe need of the trust room. The CRL's bytes are given to the broker apart."""

    server: Identity
    server_ca: Path
    device_ca: Path
    controller_ca: Path
    controller: Identity
    canary: Identity
    """A device certificate that is on every CRL."""
    probe: Identity
    """A device certificate that may connect and do nothing more."""


@dataclass(frozen=True)
class BrokerSettings:
    """A managed broker: where it keeps its files, where it listens, for how many devices."""

    directory: Path
    devices: BrokerAddress
    controller: BrokerAddress
    tls: TlsFiles
    devices_expected: int = QUEUED_MIN
    """The broker queues at least so many messages a client: less drops bursts silently (PROTOCOL 10)."""

    @property
    def conf(self) -> Path:
        """mosquitto.conf."""
        return self.directory / "mosquitto.conf"

    @property
    def device_acl(self) -> Path:
        """The device listener's rights."""
        return self.directory / "device.acl"

    @property
    def controller_acl(self) -> Path:
        """The controller listener's rights."""
        return self.directory / "controller.acl"

    @property
    def crl(self) -> Path:
        """The broker's own copy of the device CRL."""
        return self.directory / "device.crl"

    @property
    def log(self) -> Path:
        """All that the broker says."""
        return self.directory / "mosquitto.log"


def conf_text(settings: BrokerSettings, *, as_root: bool) -> str:
    """mosquitto.conf. `as_root`: stay root, for `user mosquitto` would lose PDEATHSIG and 0600 keys (STACK 11)."""
    sections = [_general(settings, as_root), _device_listener(settings), _controller_listener(settings)]
    return "\n".join("".join(f"{_checked(line)}\n" for line in section) for section in sections)


def _general(settings: BrokerSettings, as_root: bool) -> list[str]:
    return [
        "per_listener_settings true",
        "allow_duplicate_messages true",
        "max_inflight_messages 2000",
        f"max_queued_messages {max(QUEUED_MIN, settings.devices_expected)}",
        f"message_size_limit {MESSAGE_BYTES_MAX}",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {settings.directory}/",
        "persistence_file retained.db",
        "autosave_interval 60",
        "log_dest stdout",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
        *(["user root"] if as_root else []),
    ]


def _device_listener(settings: BrokerSettings) -> list[str]:
    return [
        f"listener {settings.devices.port} {settings.devices.host}",
        *_tls(settings.tls, settings.tls.device_ca),
        f"crlfile {settings.crl}",
        "use_username_as_clientid true",
        f"acl_file {settings.device_acl}",
    ]


def _controller_listener(settings: BrokerSettings) -> list[str]:
    """Its own CA and free client ids: so the controller can take over a revoked device's session."""
    return [
        f"listener {settings.controller.port} {settings.controller.host}",
        *_tls(settings.tls, settings.tls.controller_ca),
        f"acl_file {settings.controller_acl}",
    ]


def _tls(tls: TlsFiles, clients_ca: Path) -> list[str]:
    return [
        f"certfile {tls.server.certificate}",
        f"keyfile {tls.server.key}",
        f"cafile {clients_ca}",
        "tls_version tlsv1.2",  # the lowest that is taken
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
    ]


def _checked(line: str) -> str:
    """A path or host with a line break would add settings of its own."""
    if any(ord(character) < 0x20 for character in line):
        raise BrokerError(f"mosquitto.conf: control character in {line!r}; choose another directory or host")
    return line

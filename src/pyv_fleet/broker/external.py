"""A broker that someone else runs (`broker.url`): EMQX, HiveMQ, NATS, RabbitMQ, AWS IoT Core, a mosquitto."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from pyv_fleet.broker.interface import BrokerAddress, BrokerError, BrokerUnsupported

TLS_PORT = 8883


@dataclass(frozen=True)
class ExternalBroker:
    """A `Broker` (interface.py) of which only the addresses are known. Its rights must be those of PROTOCOL 10."""

    devices: BrokerAddress
    controller: BrokerAddress

    @property
    def devices_address(self) -> BrokerAddress:
        """Where devices connect."""
        return self.devices

    @property
    def controller_address(self) -> BrokerAddress:
        """Where the controller connects."""
        return self.controller

    @property
    def running(self) -> bool:
        """True as far as known: whether it answers is seen by the link."""
        return True

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def reload(self, *, acl: str | None = None, crl: bytes | None = None) -> None:
        """BrokerUnsupported if it is to change anything: only its own administration can."""
        if acl is not None or crl is not None:
            raise BrokerUnsupported(f"{self.devices}: put the new ACL or CRL in force by this broker's own means")

    async def revoke(self, device_id: str, crl: bytes) -> None:
        """BrokerUnsupported: its own administration must disconnect and refuse the device."""
        raise BrokerUnsupported(f"{self.devices}: revoke and disconnect {device_id} by this broker's own means")


def from_url(url: str, controller_url: str | None = None) -> ExternalBroker:
    """`mqtts://host[:port]`, and another if the controller has a listener of its own; BrokerError names the fault."""
    return ExternalBroker(parse_url(url), parse_url(controller_url or url))


def parse_url(url: str) -> BrokerAddress:
    """Host and port of `mqtts://host[:port]` (8883 if none is said); plain mqtt is refused: names would be forged."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as why:
        raise BrokerError(f"broker.url: {url!r}: {why}") from None
    if parts.scheme != "mqtts":
        raise BrokerError(f"broker.url: {url!r} must begin with mqtts://: devices log in by their certificates")
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise BrokerError("broker.url: write mqtts://HOST:PORT and nothing more; it holds no user or password")
    return BrokerAddress(host, port or TLS_PORT)

"""The port: what the controller wants of any broker, and how it fails (PROTOCOL 10)."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class BrokerError(Exception):
    """Root of this room's errors; the message says what was wrong and what to do."""


class BrokerNotFound(BrokerError):
    """No mosquitto on this machine and none could be fetched: install one, or set `broker.url`."""


class BrokerNotStarted(BrokerError):
    """The broker's process ended or its ports did not answer; the message ends with its last log lines."""


class BrokerUnsafe(BrokerError):
    """The probe found the broker open, or could not prove it closed: it was stopped (SIGHUP fails open)."""


class BrokerUnsupported(BrokerError):
    """This broker is not ours to do that with; the message says who can."""


class BrokerAddress(NamedTuple):
    """Where one listener answers."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Broker(Protocol):
    """An MQTT 3.1.1 broker with TLS client certificates and per-name rights."""

    @property
    def devices_address(self) -> BrokerAddress:
        """The listener where device certificates are taken, and names are forced from them."""

    @property
    def controller_address(self) -> BrokerAddress:
        """The listener for the controller's own certificate, with free client ids."""

    @property
    def running(self) -> bool:
        """Whether the broker answers, as far as known."""

    async def start(self) -> None:
        """Bring it up, probed; nothing if it runs. BrokerNotFound, BrokerNotStarted, BrokerUnsafe."""

    async def reload(self, *, acl: str | None = None, crl: bytes | None = None) -> None:
        """Put another ACL or CRL in force, or the same again; BrokerUnsafe means it was stopped."""

    async def revoke(self, device_id: str, crl: bytes) -> None:
        """Put `crl` in force and cut the live session of `device_id`, whose certificate is on it."""

    async def stop(self) -> None:
        """End it; nothing if it does not run."""

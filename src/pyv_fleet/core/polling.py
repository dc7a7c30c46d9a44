"""What polls of devices' `/health` tell, at addresses that an operator gave (PROTOCOL 9)."""

from __future__ import annotations

import datetime as dt
from typing import Final
from urllib.parse import urlsplit

import msgspec

from pyv_fleet.core.words import PollOutcome

FAILURES_THAT_MATTER: Final = 2
"""In a row, while MQTT calls the device online: one may be a packet lost, or an agent that just starts."""


_PORTS: Final = {"http": 80, "https": 443}


class PollAddress(msgspec.Struct, frozen=True):
    """Where a device's health server answers."""

    host: str
    port: int
    tls: bool = False


class PolledView(msgspec.Struct, frozen=True, kw_only=True):
    """How the last poll of a device went."""

    outcome: PollOutcome
    at: dt.datetime
    #: what was seen
    detail: str
    #: how many polls in a row failed while MQTT called the device online
    failures: int = 0


def parse_address(url: str) -> PollAddress:
    """The address in `http(s)://host:port`; ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port is None:
        raise ValueError(f"{url!r}: write http://HOST:PORT or https://HOST:PORT")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r}: only HOST:PORT; /health is asked for there")
    return PollAddress(parts.hostname, parts.port, parts.scheme == "https")


def parse_prometheus_url(url: str) -> tuple[PollAddress, str]:
    """The address and prefix in `http(s)://host[:port][/prefix]`; ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or not parts.path.isascii():
        raise ValueError(f"{url!r}: write http://HOST:PORT or https://HOST:PORT/PREFIX")
    if parts.username is not None:
        raise ValueError("write no login into the address: prometheus.token_file names a file with a bearer token")
    address = PollAddress(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "https")
    return address, parts.path.rstrip("/")


def after_poll(
    before: PolledView | None, outcome: PollOutcome, detail: str, at: dt.datetime, *, online: bool
) -> PolledView:
    """What is known of a device after one more poll; one that is offline by MQTT cannot be expected to answer."""
    failed = online and outcome is not PollOutcome.ANSWERED
    failures = (0 if before is None else before.failures) + 1 if failed else 0
    return PolledView(outcome=outcome, at=at, detail=detail, failures=failures)


def silent(polled: PolledView | None) -> bool:
    """Whether its polls fail for good."""
    return polled is not None and polled.failures >= FAILURES_THAT_MATTER

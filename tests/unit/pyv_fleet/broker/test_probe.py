"""The probe proves, or it fails. Against the real broker, open and closed, in tests/system/test_broker.py."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyv_fleet.broker import session
from pyv_fleet.broker.interface import BrokerAddress, BrokerUnsafe
from pyv_fleet.broker.probe import prove_closed
from pyv_fleet.broker.settings import BrokerSettings, Identity, TlsFiles
from pyv_fleet.trust.authority import Authority


def settings(root: Path, address: BrokerAddress) -> BrokerSettings:
    places = Authority.open_or_create(root / "ca", [], datetime.now(UTC)).places
    pairs = (places.server, places.controller, places.canary, places.probe)
    server, controller, canary, probe = (Identity(pair.certificate, pair.key) for pair in pairs)
    authorities = (places.server_ca, places.device_ca, places.controller_ca)
    tls = TlsFiles(server, *(pair.certificate for pair in authorities), controller, canary, probe)
    return BrokerSettings(root / "broker", address, address, tls)


def test_where_nothing_listens_nothing_is_proved(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = BrokerAddress(*server.getsockname())
    with pytest.raises(BrokerUnsafe, match="refuses"):
        asyncio.run(prove_closed(settings(tmp_path, address)))


def test_where_nothing_answers_nothing_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS_MAX", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(BrokerUnsafe, match="does not answer"):
        asyncio.run(prove_closed(settings(tmp_path, BrokerAddress(*server.getsockname()))))

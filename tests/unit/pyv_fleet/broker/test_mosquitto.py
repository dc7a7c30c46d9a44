"""The managed broker's ways to fail. With the real mosquitto in tests/system/test_broker.py; here a shell plays it."""

import asyncio
import socket
from pathlib import Path

import pytest

from pyv_fleet.broker import acl
from pyv_fleet.broker.fetch import Mosquitto
from pyv_fleet.broker.interface import Broker, BrokerAddress, BrokerError, BrokerNotStarted
from pyv_fleet.broker.mosquitto import ManagedBroker
from pyv_fleet.broker.settings import BrokerSettings, Identity, TlsFiles


@pytest.fixture
def broker(tmp_path: Path) -> ManagedBroker:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho Error: no such thing; exit 3\n")
    program.chmod(0o755)
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    devices, controller = (BrokerAddress(*port.getsockname()) for port in ports)
    for port in ports:
        port.close()
    any_file, any_pair = tmp_path / "ca.pem", Identity(tmp_path / "c.pem", tmp_path / "c.key")
    tls = TlsFiles(any_pair, any_file, any_file, any_file, any_pair, any_pair, any_pair)
    return ManagedBroker(Mosquitto(program, "2.0.0"), BrokerSettings(tmp_path / "b", devices, controller, tls), b"crl")


def test_one_that_does_not_start_says_why_and_may_be_tried_again(broker: ManagedBroker) -> None:
    async def scenario() -> None:
        for _ in range(2):
            with pytest.raises(BrokerNotStarted, match="no such thing"):
                await broker.start()
            assert not broker.running

    asyncio.run(scenario())


def test_its_files_are_private_and_say_what_they_were_told(broker: ManagedBroker, tmp_path: Path) -> None:
    asyncio.run(broker.reload(acl=acl.device_acl(article=True), crl=b"another"))
    files = {file.name: file for file in (tmp_path / "b").iterdir()}
    assert files["device.acl"].read_text() == acl.device_acl(article=True)
    assert files["controller.acl"].read_text() == acl.controller_acl()
    assert files["device.crl"].read_bytes() == b"another"
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}


def test_it_is_not_started_from_a_thread_that_may_end_before_it(broker: ManagedBroker) -> None:
    async def scenario() -> None:
        with pytest.raises(BrokerError, match="main thread"):
            await asyncio.to_thread(asyncio.run, broker.start())

    asyncio.run(scenario())


def test_one_that_does_not_run_is_stopped_already_and_cannot_be_checked(broker: ManagedBroker) -> None:
    async def scenario() -> None:
        kept: Broker = broker
        await kept.stop()
        with pytest.raises(BrokerNotStarted):
            await broker.check()
        assert broker.pid is None

    asyncio.run(scenario())

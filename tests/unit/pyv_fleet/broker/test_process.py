"""A child process: started, waited for, ended. Here a shell plays mosquitto."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from pyv_fleet.broker.fetch import Mosquitto
from pyv_fleet.broker.interface import BrokerAddress, BrokerNotStarted
from pyv_fleet.broker.process import answering, last_words, spawn, taken


def playing(directory: Path, text: str) -> Mosquitto:
    program = directory / "mosquitto"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return Mosquitto(program, "2.0.0")


def test_one_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def scenario() -> None:
        process = await spawn(playing(tmp_path, "echo Error: bad conf $2; exit 3"), tmp_path / "conf", log)
        with pytest.raises(BrokerNotStarted, match="bad conf"):
            await answering(process, [BrokerAddress("127.0.0.1", 1)], log)
        assert await process.ended() == 3

    asyncio.run(scenario())
    assert log.stat().st_mode & 0o777 == 0o600


def test_it_ends_when_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = await spawn(playing(tmp_path, "exec sleep 60"), tmp_path / "conf", tmp_path / "log")
        assert process.running
        assert await process.end()
        assert await process.end()
        process.hang_up()
        assert not process.running

    asyncio.run(scenario())


def test_one_that_was_killed_is_told_from_one_that_we_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = await spawn(playing(tmp_path, "exec sleep 60"), tmp_path / "conf", tmp_path / "log")
        os.kill(process.pid, signal.SIGKILL)
        assert not await process.end()

    asyncio.run(scenario())


def test_a_taken_address_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = BrokerAddress(*server.getsockname())
        assert asyncio.run(taken(address))
    assert not asyncio.run(taken(address))


def test_no_log_is_nothing_said(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == "nothing"

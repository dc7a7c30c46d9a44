"""mosquitto as a child process: started, waited for, signalled, ended."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from pyv_fleet.broker import launch
from pyv_fleet.broker.fetch import Mosquitto
from pyv_fleet.broker.interface import BrokerAddress, BrokerNotStarted
from pyv_fleet.broker.session import loopback_of

START_SECONDS_MAX: Final = 10.0
STOP_SECONDS_MAX: Final = 5.0
_LOOK_SECONDS: Final = 0.02
_LOG_BYTES_TOLD: Final = 600
LOG_BYTES_MAX: Final = 8 * 1024 * 1024


class BrokerProcess:
    """A running mosquitto."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        return await self._process.wait()

    def hang_up(self) -> None:
        """SIGHUP: it reads ACL, CRL and certificates again, and fails open on nonsense, so probe afterwards."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)

    async def end(self) -> bool:
        """SIGTERM, which saves its database, then SIGKILL after STOP_SECONDS_MAX. False: it had died by itself."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                return await self._process.wait() in (0, -signal.SIGTERM)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            return True


async def spawn(mosquitto: Mosquitto, conf: Path, log: Path) -> BrokerProcess:
    """Start it in a session of its own, its words going to `log`. Call on the main thread (STACK 11)."""
    _turn_over(log)
    program = [str(mosquitto.executable), "-c", str(conf)]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.command(program, mosquitto.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            cwd=conf.parent,
        )
    finally:
        os.close(descriptor)
    return BrokerProcess(process)


async def answering(process: BrokerProcess, addresses: list[BrokerAddress], log: Path) -> None:
    """Wait till all addresses take connections; BrokerNotStarted if it ends before, or after START_SECONDS_MAX."""
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            for address in addresses:
                while not await _answers(address):
                    if not process.running:
                        raise BrokerNotStarted(f"mosquitto ended at once; it said: {last_words(log)}")
                    await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise BrokerNotStarted(f"mosquitto does not answer; it said: {last_words(log)}") from None


async def taken(address: BrokerAddress) -> bool:
    """Whether something answers there already, before we start ours."""
    return await _answers(address)


def last_words(log: Path) -> str:
    """The end of the log, for an error message."""
    try:
        return log.read_bytes()[-_LOG_BYTES_TOLD:].decode("utf-8", "replace").strip() or "nothing"
    except OSError:
        return "nothing"


async def _answers(address: BrokerAddress) -> bool:
    try:
        _, writer = await asyncio.open_connection(loopback_of(address.host), address.port)
    except OSError:
        return False
    writer.transport.abort()
    return True


def _turn_over(log: Path) -> None:
    """Keep one earlier log once this one is large."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))

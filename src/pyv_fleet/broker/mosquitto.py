"""The managed broker: a mosquitto of ours that is configured, watched, restarted, and never left open (PROTOCOL 10)."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pyv_fleet.broker import acl as rights
from pyv_fleet.broker.fetch import Mosquitto
from pyv_fleet.broker.interface import BrokerAddress, BrokerError, BrokerNotStarted, BrokerUnsafe
from pyv_fleet.broker.probe import prove_closed
from pyv_fleet.broker.process import BrokerProcess, answering, spawn, taken
from pyv_fleet.broker.session import Refused, opened
from pyv_fleet.broker.settings import BrokerSettings, conf_text
from pyv_fleet.durable import private_dir, write_durably
from pyvorin_edge.identity import parse_device_id

log = logging.getLogger(__name__)

RESTART_SECONDS: Final = 0.2
RESTART_SECONDS_MAX: Final = 30.0
STEADY_SECONDS: Final = 10.0
"""A broker that ran so long had started well: the back-off begins anew."""

Told = Callable[[str], None]
"""Takes one sentence about what befell the broker, for alerts."""


class ManagedBroker:
    """A `Broker` (interface.py) that is our own child process. Use it from one event loop, on the main thread."""

    def __init__(
        self,
        mosquitto: Mosquitto,
        settings: BrokerSettings,
        crl: bytes,
        *,
        acl: str | None = None,
        told: Told = lambda _: None,
    ) -> None:
        self._mosquitto = mosquitto
        self._settings = settings
        self._crl = crl
        self._acl = rights.device_acl() if acl is None else acl
        self._told = told
        self._process: BrokerProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._starts = 0

    @property
    def devices_address(self) -> BrokerAddress:
        """The listener for devices."""
        return self._settings.devices

    @property
    def controller_address(self) -> BrokerAddress:
        """The listener for the controller."""
        return self._settings.controller

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def starts(self) -> int:
        """How often it was started: more than one tells of restarts."""
        return self._starts

    async def start(self) -> None:
        """Write its files, start it, wait till it answers, prove it closed, and watch it from now on."""
        async with self._busy:
            if self._watch is not None and not self._watch.done():
                return
            await self._bring_up()
            self._watch = asyncio.create_task(self._keep_up(), name="broker-watch")

    async def reload(self, *, acl: str | None = None, crl: bytes | None = None) -> None:
        """Replace ACL and CRL (none: as before), SIGHUP, probe. BrokerUnsafe: it was stopped and stays so."""
        async with self._busy:
            self._acl = self._acl if acl is None else acl
            self._crl = self._crl if crl is None else crl
            if self._process is None or not self._process.running:
                self._write_files()
                return  # the next start takes them, and probes
            await self._prove_or_stop(reread=True)

    async def check(self) -> None:
        """Probe now: an ACL or CRL may also be lost by another's SIGHUP. BrokerUnsafe: it was stopped."""
        async with self._busy:
            if self._process is None or not self._process.running:
                raise BrokerNotStarted("the broker does not run")
            await self._prove_or_stop(reread=False)

    async def revoke(self, device_id: str, crl: bytes) -> None:
        """Put `crl` in force, then take over the client id with a clean session: the live one is cut (STACK 1)."""
        victim = parse_device_id(device_id)  # never one of the controller's own, which begin with @
        await self.reload(crl=crl)
        if not self.running:
            return
        tls = self._settings.tls
        try:
            async with opened(self._settings.controller, tls.controller, tls.server_ca, victim):
                pass
        except (Refused, TimeoutError) as why:
            raise BrokerError(
                f"{device_id}: its certificate is refused from now on, but its live session may stand: {why}"
            ) from None

    async def stop(self) -> None:
        """End the watch, then the broker (SIGTERM saves its retained messages)."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        async with self._busy:
            await self._end()

    async def _bring_up(self) -> None:
        """One try. Whatever goes wrong, no process is left."""
        if threading.current_thread() is not threading.main_thread():
            raise BrokerError("start the broker from the main thread: a child dies with the thread that started it")
        for address in (self._settings.devices, self._settings.controller):
            if await taken(address):
                raise BrokerNotStarted(f"{address} is taken by another program: stop it or choose another port")
        self._write_files()
        self._process = await spawn(self._mosquitto, self._settings.conf, self._settings.log)
        self._starts += 1
        try:
            await answering(self._process, [self._settings.devices, self._settings.controller], self._settings.log)
            await prove_closed(self._settings)
        except BaseException:
            await asyncio.shield(self._end())
            raise

    async def _keep_up(self) -> None:
        """Start it again whenever it dies, with back-off; an unsafe one stays down until `start` is called anew."""
        delay = RESTART_SECONDS
        clock = asyncio.get_running_loop().time
        while (process := self._process) is not None:
            began = clock()
            code = await process.ended()
            if self._process is not process:
                return  # it was ended by us
            self._tell(f"the broker ended by itself (exit code {code}); starting it again")
            if clock() - began > STEADY_SECONDS:
                delay = RESTART_SECONDS
            if not await self._up_again(delay):
                return
            delay = min(delay * 2, RESTART_SECONDS_MAX)

    async def _revive(self) -> None:
        self._tell("the broker ended by itself; starting it again")
        if await self._up_again(RESTART_SECONDS):
            await self._keep_up()

    async def _up_again(self, delay: float) -> bool:
        while True:
            await asyncio.sleep(random.uniform(delay / 2, delay))
            try:
                async with self._busy:
                    await self._bring_up()
            except BrokerUnsafe as why:
                self._tell(f"the broker was stopped: {why}")
                return False
            except BrokerError as why:
                self._tell(f"the broker does not start: {why}")
                delay = min(delay * 2, RESTART_SECONDS_MAX)
            else:
                self._tell("the broker is up again")
                return True

    async def _prove_or_stop(self, *, reread: bool) -> None:
        """The files in place, SIGHUP, and the proof; anything but a proof stops the broker.

        One that died meanwhile is no open one: it is started again, with these files and another proof.
        """
        try:
            if reread:
                self._write_files()
                if self._process is not None:
                    self._process.hang_up()
            await prove_closed(self._settings)
        except BaseException as why:
            if not await asyncio.shield(self._end()) and isinstance(why, BrokerUnsafe):
                self._watch = asyncio.create_task(self._revive(), name="broker-watch")
                return
            self._tell(f"the broker was stopped: {why or type(why).__name__}")
            raise

    async def _end(self) -> bool:
        """False: it had died by itself."""
        process, self._process = self._process, None
        return process is None or await process.end()

    def _write_files(self) -> None:
        settings = self._settings
        private_dir(settings.directory)
        write_durably(settings.device_acl, self._acl.encode("utf-8"))
        write_durably(settings.controller_acl, rights.controller_acl().encode("utf-8"))
        write_durably(settings.crl, self._crl)
        write_durably(settings.conf, conf_text(settings, as_root=os.geteuid() == 0).encode("utf-8"))

    def _tell(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._told(sentence)

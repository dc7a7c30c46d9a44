"""Carries a push out: sessions side by side, each host's device asked for its own word, each result kept at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from pyv_fleet.core.inventory import Host
from pyv_fleet.core.parcels import Contents
from pyv_fleet.core.push import HostResult, Push, ended, next_hosts, soaked, started
from pyv_fleet.core.push_judging import command_of, foreseen, judged, lacking, trouble_of
from pyv_fleet.core.words import HostState, PushStage
from pyv_fleet.link.ssh import SshDoor, SshError, SshSession

#: after a connection broke
AGAIN_SECONDS: Final = 1.0
Work = Callable[[Host, "Load", SshSession], Awaitable[HostResult]]


class Archive(NamedTuple):
    """A bundle's file here."""

    path: Path
    #: bytes
    size: int


class Load(NamedTuple):
    """What one host gets."""

    parcel: bytes
    contents: Contents
    #: archives that the orders name, by SHA-256
    bundles: Mapping[str, Archive] = {}


class Keeps(Protocol):
    """Where results are kept."""

    def note(self, result: HostResult) -> None:
        """One host's."""

    def note_proved(self) -> None:
        """The canaries proved it."""


class Nowhere:
    """A push that cannot be gone on with."""

    def note(self, result: HostResult) -> None:
        """Nothing."""

    def note_proved(self) -> None:
        """Nothing."""


class Pusher:
    """One push. `told` hears of each result as it comes."""

    def __init__(
        self,
        door: SshDoor,
        hosts: Sequence[Host],
        loads: Mapping[str, Load],
        told: Callable[[HostResult], None],
        *,
        device_seconds: float,
        login_seconds: float,
    ) -> None:
        """A host may take so long in all: its device to settle, and the session to be had."""
        self._door = door
        self._hosts = {host.name: host for host in hosts}
        self._loads = loads
        self._told = told
        self._device_seconds = device_seconds
        self._host_seconds = device_seconds + login_seconds

    async def run(self, push: Push, kept: Keeps, *, soak_seconds: float, said: Callable[[str], None]) -> Push:
        """To its end. Cancelled, it begins nothing more, lets go of what is under way, and keeps what is known."""
        tasks: set[asyncio.Task[HostResult]] = set()
        try:
            while True:
                names = next_hosts(push)
                push = started(push, names)
                tasks |= {asyncio.create_task(self._pushed(name), name=name) for name in names}
                if not tasks:
                    if push.stage is not PushStage.SOAK:
                        return push
                    push = await self._soak(push, kept, soak_seconds, said)
                    continue
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    result = task.result()
                    kept.note(result)
                    self._told(result)
                    push = ended(push, result)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self, push: Push) -> Push:
        """What the orders would change, everywhere, a few at a time; nothing is changed."""
        room = asyncio.Semaphore(push.terms.parallel)

        async def one(name: str) -> HostResult:
            async with room:
                result = await self._timed(name, self._checked)
            self._told(result)
            return result

        found = await asyncio.gather(*(one(name) for name in push.order))
        return replace(push, results={result.host: result for result in found})

    async def _soak(self, push: Push, kept: Keeps, seconds: float, said: Callable[[str], None]) -> Push:
        if seconds:
            said(f"canary good: {', '.join(push.canaries)}; watched for {seconds:g} s")
            await asyncio.sleep(seconds)
        push = soaked(push, await asyncio.gather(*(self._pushed(name) for name in push.canaries)))
        if push.proved:
            kept.note_proved()
        return push

    async def _pushed(self, name: str) -> HostResult:
        return await self._timed(name, self._applied)

    async def _timed(self, name: str, work: Work) -> HostResult:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._host_seconds):
                result = await self._tried(name, work)
        except SshError as why:
            result = HostResult(host=name, state=why.state, detail=str(why))
        except TimeoutError:
            said = f"no answer within {self._host_seconds:g} s; the device may have taken the orders"
            result = HostResult(host=name, state=HostState.TIMED_OUT, detail=said)
        return replace(result, seconds=round(time.monotonic() - begun, 1))

    async def _tried(self, name: str, work: Work) -> HostResult:
        """Once more if the connection broke: the same orders again change nothing."""
        for last in (False, True):
            try:
                async with self._door.open(self._hosts[name]) as session:
                    return await work(self._hosts[name], self._loads[name], session)
            except SshError as why:
                if last or why.state is not HostState.DISCONNECTED:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError  # the second time returns or raises

    async def _applied(self, host: Host, load: Load, session: SshSession) -> HostResult:
        wait = ("--wait", f"{self._device_seconds:g}")
        bundle = await _brought(host, load, session)
        words = wait if bundle is None else (*wait, "--bundle", bundle)
        said = await session.run(command_of(host, *words), load.parcel)
        if bundle is not None:
            await session.remove(bundle)
        return judged(host.name, said.answer, trouble_of(said.status, said.trouble), load.contents)

    async def _checked(self, host: Host, load: Load, session: SshSession) -> HostResult:
        said = await session.run(command_of(host, "--check"), load.parcel)
        return foreseen(host.name, said.answer, trouble_of(said.status, said.trouble))


async def _brought(host: Host, load: Load, session: SshSession) -> str | None:
    """Where the bundle's archive lies on the host now, if its device lacks the one that it is to get."""
    if not load.bundles:
        return None
    sha256 = lacking((await session.run(command_of(host, "--check"), load.parcel)).answer)
    archive = None if sha256 is None else load.bundles.get(sha256)
    if sha256 is None or archive is None:
        return None
    target = f".pyv-push-{sha256[:16]}.tar.gz"
    await session.upload(archive.path, archive.size, target)
    return target

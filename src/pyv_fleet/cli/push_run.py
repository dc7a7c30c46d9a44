"""A push as a command runs it: its file, its progress, and what Ctrl-C leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pyv_fleet.cli.output import printable
from pyv_fleet.cli.session import CliError, Session
from pyv_fleet.core.inventory import Host
from pyv_fleet.core.push import HostResult, Push, PushTerms, begin
from pyv_fleet.core.push_record import Subject, left_alone
from pyv_fleet.link.ssh import SshDoor, SshTerms, default_configs, default_known_hosts
from pyv_fleet.push_file import PushFile
from pyv_fleet.pushing import Keeps, Load, Nowhere, Pusher


class RunTerms(NamedTuple):
    """How it goes, and how hosts are reached."""

    push: PushTerms
    ssh: SshTerms
    soak_seconds: float
    device_seconds: float


def terms_of(given: Mapping[str, Any]) -> RunTerms:
    """From the command's options."""
    config = given["ssh_config"]
    ssh = SshTerms(
        known_hosts=given["known_hosts"] or default_known_hosts(),
        accept_new=given["accept_new"],
        identities=given["identities"],
        configs=default_configs() if config is None else (config,),
        connect_seconds=given["connect_timeout"],
    )
    push = PushTerms(canary=given["canary"], parallel=given["parallel"], max_failed=given["max_failed"])
    return RunTerms(push, ssh, given["soak"], given["timeout"])


class Run:
    """One push."""

    def __init__(self, session: Session, hosts: Sequence[Host], loads: Mapping[str, Load], terms: RunTerms) -> None:
        self._session = session
        self._hosts = hosts
        self._terms = terms
        self._pusher = Pusher(
            SshDoor(terms.ssh),
            hosts,
            loads,
            self._tell,
            device_seconds=terms.device_seconds,
            login_seconds=2 * terms.ssh.connect_seconds,
        )
        self._push = begin(hosts, terms.push, {}, proved=False)
        self._keeps: Keeps = Nowhere()
        self._file: Path | None = None
        self._done = 0

    def check(self) -> Push:
        """What would change."""
        return self._awaited(self._pusher.check(self._push))

    @contextmanager
    def kept(self, path: Path | None, generations: dict[str, int]) -> Iterator[int]:
        """With its results kept in a file, from which it goes on; how many hosts are left."""
        if path is None:
            yield len(self._push.waiting)
            return
        subject = Subject(generations=generations)
        kept = PushFile(path, subject)
        try:
            done = left_alone(kept.record, subject)
            self._push = begin(self._hosts, self._terms.push, done, proved=kept.record.proved)
            self._keeps, self._file = kept, path
            yield len(self._push.waiting)
        finally:
            kept.close()

    def run(self) -> Push:
        """To its end."""
        self._done = len(self._push.results)
        run = self._pusher.run(self._push, self._keeps, soak_seconds=self._terms.soak_seconds, said=self._session.say)
        return self._awaited(run)

    def _awaited(self, work: Coroutine[Any, Any, Push]) -> Push:
        try:
            return asyncio.run(work)
        except KeyboardInterrupt:
            further = f"go on with --resume {self._file}" if self._file else "push again: what is done stays done"
            raise CliError(
                f"interrupted: {self._done} of {len(self._hosts)} hosts have an answer, and devices whose session was "
                f"cut may have taken it; {further}"
            ) from None

    def _tell(self, result: HostResult) -> None:
        self._done += 1
        detail = f": {printable(result.detail)}" if result.detail else ""
        said = f"{self._done}/{len(self._hosts)} {result.host} {result.state}{detail}"
        self._session.say(said)

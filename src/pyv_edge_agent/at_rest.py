"""A device whose agent does not run: what its state directory says, and the two things that a person may decide there.

Looking changes nothing. What is decided is written as the running agent would, under its lock; the next start obeys.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from pyv_edge_agent.config import Config
from pyv_edge_agent.control import Conflict, NotAllowed, NotFound
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import hearing, living
from pyv_edge_agent.core.aim import local_choice, pardoned
from pyv_edge_agent.core.brain import wake
from pyv_edge_agent.core.device import Device, Facts, Turn
from pyv_edge_agent.core.differences import Change, changes
from pyv_edge_agent.core.memory import FILES, Memory, from_parts, parts
from pyv_edge_agent.core.status import unnamed
from pyv_edge_agent.disk.atomic import DiskError, read_bytes
from pyv_edge_agent.disk.history import Told, read_history
from pyv_edge_agent.disk.journal import Broken, Journal, Peek
from pyv_edge_agent.disk.slots import SlotKind, peek
from pyv_edge_agent.enrolled import read_trust
from pyv_edge_agent.locking import AgentRunning, take_lock
from pyv_edge_agent.provision import known_device_id
from pyv_edge_agent.state_dir import EnvFileError, StateDir, environment_of
from pyv_edge_agent.updater import held_releases, read_memory, version_in
from pyv_edge_agent.values import values_of
from pyvorin_edge.config.document import with_defaults
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.variables import references
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import DeviceId, Digest
from pyvorin_edge.trust import TrustError, from_key

#: Below this an agent can make nothing durable.
FREE_BYTES_LEAST: Final = 1024 * 1024


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen."""

    device: Device
    versions: dict[Digest, str]
    #: what keeps the agent from starting, or will be set aside when it does, a sentence each
    problems: tuple[str, ...]
    #: documents of the applied and the live file; none = cannot be read
    applied: Any = None
    live: Any = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Values where the live file differs."""
        return changes(self.applied, self.live, self.device.drift.paths)


def look(place: StateDir, config: Path | None, now: ev.Now, agent_version: str, environ: Mapping[str, str]) -> Sight:
    """Read a state directory. What cannot be read or used is a problem in the answer; NotAllowed if all of it is
    another user's."""
    problems: list[str] = []
    _check_entry(place)
    memory = _memory(place.root, problems)
    name = _device_id(place, problems)
    try:
        trust = read_trust(place, memory.trust)
    except TrustError as why:
        problems.append(f"trust: {why}")
        trust = from_key(bytes(32))
    device = wake(Facts(device_id=name, agent_version=agent_version), memory, trust)
    live, applied = _live(config or place.config, problems), _applied(place, memory)
    device = _compared(device, live, applied, now)
    problems.extend(_unfit(place, live, environ))
    return Sight(
        device=device,
        versions=_versions(place, memory),
        problems=tuple(problems),
        applied=device.applied,
        live=device.live_document,
    )


def history_of(place: StateDir) -> Told:
    """The device's history; NotAllowed or DiskError if it cannot be read."""
    _check_entry(place)
    try:
        return read_history(place.root)
    except OSError as why:
        raise DiskError(place.root, "read the history in", why) from None


def choose(place: StateDir, version: str) -> Memory:
    """Rule 15 for the next start: go back to a held release. NotFound names those held, Conflict: an agent runs."""
    with locked(place):
        journal, memory = _opened(place)
        directive, assignment = hearing.recalled_directive(memory), hearing.recalled_assignment(memory)
        try:
            choice = local_choice(memory, version, directive, assignment)
        except KeyError:
            raise NotFound(not_held(version, memory)) from None
        after = replace(memory, local=choice, quarantine=pardoned(memory, choice.release))
        journal.write(parts(after))
        return after


def pardon(place: StateDir, release: Digest) -> None:
    """Let the next start try a quarantined release again. Conflict: an agent runs."""
    with locked(place):
        journal, memory = _opened(place)
        journal.write(parts(replace(memory, quarantine=pardoned(memory, release))))


def not_held(version: str, memory: Memory) -> str:
    """The sentence for a version that is not on this device."""
    held = [one.version for one in held_releases(memory) if one.version is not None]
    return f"release {version!r} is not held here; held: {', '.join(held) or 'none'}"


@contextlib.contextmanager
def locked(place: StateDir) -> Iterator[None]:
    """Hold the lock that a running agent holds; Conflict if one does."""
    try:
        descriptor = take_lock(place.lock)
    except AgentRunning:
        raise Conflict(f"an agent holds {place.root} and does not answer: stop it first") from None
    except OSError as why:
        raise DiskError(place.lock, "lock", why) from None
    try:
        yield
    finally:
        os.close(descriptor)


def _check_entry(place: StateDir) -> None:
    try:
        os.listdir(place.root)
    except PermissionError:
        raise NotAllowed(f"{place.root} may not be read by this user: use sudo") from None
    except OSError as why:
        raise DiskError(place.root, "read", why) from None


def _opened(place: StateDir) -> tuple[Journal, Memory]:
    journal = Journal(place.root)
    return journal, read_memory(journal)


def _memory(root: Path, problems: list[str]) -> Memory:
    found: dict[str, bytes | None] = {}
    try:
        journal = Peek(root)
    except (DiskError, msgspec.DecodeError) as why:
        problems.append(str(why))
        return Memory()
    version = 1
    while (document := _part(journal, f"trust/{version}", problems)) is not None:
        found[f"trust/{version}"] = document
        version += 1
    for file in FILES.values():
        data = _part(journal, file, problems)
        try:
            from_parts({file: data})
        except (msgspec.DecodeError, msgspec.ValidationError) as why:
            problems.append(f"{root / file} cannot be understood ({why}): the next start sets it aside")
            data = None
        found[file] = data
    return from_parts(found)


def _part(journal: Peek, name: str, problems: list[str]) -> bytes | None:
    try:
        return journal.read(name)
    except (Broken, DiskError) as why:
        problems.append(str(why))
        return None


def _device_id(place: StateDir, problems: list[str]) -> DeviceId:
    try:
        known = known_device_id(place.root)
    except (PyvorinError, DiskError) as why:
        problems.append(str(why))
        return DeviceId("unknown")
    return known if known is not None else DeviceId("unknown")


def _live(path: Path, problems: list[str]) -> bytes | None:
    try:
        data = read_bytes(path)
    except DiskError as why:
        problems.append(str(why))
        return None
    if data is None:
        problems.append(f"there is no config at {path}")
    return data


def _applied(place: StateDir, memory: Memory) -> bytes | None:
    try:
        return None if memory.committed is None else peek(place.store, SlotKind.BLOBS, memory.committed.file)
    except DiskError:
        return None


def _compared(device: Device, live: bytes | None, applied: bytes | None, now: ev.Now) -> Device:
    """Drift as the core itself finds it; what it would do about it is not done."""
    turn = Turn(device, now)
    living.live_seen(turn, ev.LiveSeen(data=live, effective_hash=None))
    committed = turn.memory.committed
    if committed is not None:
        living.applied_read(turn, ev.Looked(blob=committed.file, data=applied))
    living.stand(turn)
    return turn.device


def _unfit(place: StateDir, live: bytes | None, environ: Mapping[str, str]) -> Iterator[str]:
    """Why an agent would not start, or would put the last good config back."""
    try:
        environment_of(place.env, environ)
        if live is not None:
            config = Config.from_bytes(live)
            config.validate(values_of(references(with_defaults(config.to_dict())), place, environ))
    except EnvFileError as why:
        yield str(why)
    except ConfigError as why:
        yield from (f"config: {problem}" for problem in why.problems)
    with contextlib.suppress(OSError):
        room = os.statvfs(place.root)
        if room.f_bavail * room.f_frsize < FREE_BYTES_LEAST:
            yield f"the disk that holds {place.root} is full: {room.f_bavail * room.f_frsize} bytes are free"


def _versions(place: StateDir, memory: Memory) -> dict[Digest, str]:
    found: dict[Digest, str] = {}
    for release in unnamed(memory):
        try:
            envelope = peek(place.store, SlotKind.RELEASES, release)
        except DiskError:
            continue
        version = None if envelope is None else version_in(envelope)
        if version is not None:
            found[release] = version
    return found

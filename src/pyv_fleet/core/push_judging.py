"""What a device's answer to a parcel means: compared with what was sent, and never believed from an exit code."""

from __future__ import annotations

import shlex
from typing import Final

from pyv_fleet.core.inventory import Host
from pyv_fleet.core.parcels import Contents
from pyv_fleet.core.push import HostResult
from pyv_fleet.core.words import HostState
from pyvorin_edge.carrying import Carried, Foreseen
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import WireError
from pyvorin_edge.orders import EMPTY_OVERLAY, Release
from pyvorin_edge.vocabulary import Cause, Outcome, ParcelOutcome, Phase, Would
from pyvorin_edge.wire import decode

#: of a device's answer; a longer one is none
ANSWER_BYTES_MAX: Final = 256 * 1024
TROUBLE_LETTERS_MAX: Final = 500
#: a shell's exit status
COMMAND_NOT_FOUND: Final = 127
_STATES = {
    ParcelOutcome.LOWER: HostState.REJECTED,
    ParcelOutcome.REJECTED: HostState.REJECTED,
    ParcelOutcome.OTHER_DEVICE: HostState.REJECTED,
    ParcelOutcome.NOT_KEPT: HostState.DISK_FULL,
}


def judged(host: str, answer: bytes, trouble: str, contents: Contents) -> HostResult:
    """The result of `apply --json --wait`; `trouble` is what the command said on standard error, for want of an answer.

    Committed means: settled on a release of this parcel, by its generation, with the config hash that the release
    names, in an agent that runs and says which start of it.
    """
    try:
        said = decode(answer, Carried, limit_bytes=ANSWER_BYTES_MAX)
    except WireError as why:
        return _no_answer(host, trouble or f"its answer cannot be read: {why}")
    state, detail = _STATES.get(said.outcome), said.said
    if state is None:
        state, detail = _stands(said, contents)
    return HostResult(
        host=host, state=state, detail=detail, device=said.device_id, release=said.version,
        config_hash=said.config_hash, boot_id=said.boot_id, health=said.health,
    )  # fmt: skip


def foreseen(host: str, answer: bytes, trouble: str) -> HostResult:
    """The result of `apply --check --json`."""
    try:
        said = decode(answer, Foreseen, limit_bytes=ANSWER_BYTES_MAX)
    except WireError as why:
        return _no_answer(host, trouble or f"its answer cannot be read: {why}")
    state = HostState.REJECTED if said.would is Would.REFUSE else HostState.UNCHANGED
    if said.would is Would.UPDATE or (said.would is Would.NOTHING and said.changes):
        state = HostState.DIFFERENT
    return HostResult(
        host=host, state=state, detail=said.said, device=said.device_id, release=said.version, changes=said.changes
    )


def command_of(host: Host, *words: str) -> str:
    """The command line on the host that takes a parcel on its standard input; words are quoted for its shell."""
    start = (*(("sudo", "-n") if host.sudo else ()), *shlex.split(host.agent), "apply", "-", "--json")
    place = () if host.state_dir is None else ("--state-dir", host.state_dir)
    device = () if host.device is None else ("--device", host.device)
    return shlex.join([*start, *place, *device, *words])


def trouble_of(status: int | None, said: str) -> str:
    """What is wrong, when a command answered nothing: its last words, or what its exit status means."""
    last = said.strip().splitlines()[-1][:TROUBLE_LETTERS_MAX] if said.strip() else ""
    if status == COMMAND_NOT_FOUND:
        return f"{last or 'command not found'}: say where the agent is, by `agent` in the inventory"
    return last or f"the command ended with {status} and said nothing"


def lacking(answer: bytes) -> str | None:
    """SHA-256 of the bundle archive that a device lacks, by its answer to `apply --check`; none = none."""
    try:
        return decode(answer, Foreseen, limit_bytes=ANSWER_BYTES_MAX).lacks_bundle
    except WireError:
        return None


def _no_answer(host: str, trouble: str) -> HostResult:
    full = "No space left on device" in trouble
    return HostResult(host=host, state=HostState.DISK_FULL if full else HostState.FAILED, detail=trouble)


def _stands(said: Carried, contents: Contents) -> tuple[HostState, str]:
    """An accepted parcel, and where the device stands after it."""
    if said.boot_id is None:
        return HostState.KEPT, "no agent runs there: its next start obeys them"
    directive = contents.directive
    if said.wanted is None or said.generation == 0:
        return HostState.REJECTED, f"it follows channel {said.channel}, of which these orders say nothing"
    if said.phase is not Phase.SETTLED:
        if said.waiting_for is not None:
            return HostState.KEPT, f"it waits: {said.waiting_for.sentence}"
        return HostState.TIMED_OUT, f"it is still {said.phase}"
    if directive is not None and said.generation != directive.generation:
        return HostState.FAILED, f"it obeys generation {said.generation}, not {directive.generation}"
    if said.committed != said.wanted:
        return _ended_badly(said)
    release = None if said.committed is None else contents.releases.get(said.committed)
    if release is None:
        return (
            HostState.FAILED,
            f"it runs {said.version}, which these orders do not name: chosen by hand there?",
        )
    expected = _hash_of(release, said, contents)
    if expected is not None and said.config_hash != expected:
        return HostState.FAILED, "its config file is not what was ordered: edited on the device?"
    same = said.was == said.committed and said.was_overlay == said.overlay
    return (HostState.UNCHANGED if same else HostState.COMMITTED), ""


def _ended_badly(said: Carried) -> tuple[HostState, str]:
    result = said.result
    if result is None or result.release != said.wanted:
        return HostState.FAILED, f"it settled on {said.version or 'what it had'}"
    detail = f"{result.outcome}: {result.code or ''} {result.detail}".strip()
    if result.code is Cause.DISK:
        return HostState.DISK_FULL, detail
    return (HostState.REJECTED if result.outcome is Outcome.REJECTED else HostState.FAILED), detail


def _hash_of(release: Release, said: Carried, contents: Contents) -> str | None:
    """The config hash that the device must show; none if it has an overlay that is not in this parcel."""
    if said.overlay in (None, EMPTY_OVERLAY):
        return release.golden_hash
    blob, assignment = contents.blobs.get(release.config.sha256), contents.assignment
    if assignment is None or blob is None:
        return None
    try:
        return golden_hash(blob, release.config.format, assignment.overlay)
    except ConfigError:
        return None

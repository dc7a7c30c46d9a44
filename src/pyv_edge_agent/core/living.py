"""The live file against what was applied: drift, ignored key paths, healing and its fight detector (PROTOCOL 7)."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.aim import golden_target
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import KeepBlob, LoadLive, Look
from pyv_edge_agent.core.memory import Healed, Installed
from pyv_edge_agent.core.repairing import remediate
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge import drift
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.formats import parse, sniff
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import EMPTY_OVERLAY, OwnDriftTerms
from pyvorin_edge.report import PATHS_MAX, DriftState
from pyvorin_edge.vocabulary import ConfigFormat, DriftKind, DriftPolicy, Phase

HEALS_MAX: Final = 3
#: of one key path in a report: 32 of them must fit into it
PATH_LETTERS_MAX: Final = 200
HEALS_WITHIN_MS: Final = 3600 * 1000
#: after a heal that failed or was not tried, for the key was fought over
HEAL_AGAIN_SECONDS: Final = 60.0
NEVER: Final = float("inf")


def first_start(turn: Turn, live: bytes | None) -> None:
    """Before the first directive the provisioned config is committed, with release none (rule 4)."""
    data = live if live is not None else b""
    format = sniff(data) if data else ConfigFormat.TOML
    document = _parsed(data, format)
    installed = Installed(
        release=None,
        version=None,
        overlay=EMPTY_OVERLAY,
        attempt=0,
        file=digest_of(data),
        format=format,
        config_hash=config_hash(document if document is not None else {}),
    )
    turn.remember(committed=installed)
    turn.do(KeepBlob(installed.file, data))


def start(turn: Turn) -> None:
    """At start: what is being tried is put in force again by its phase; else the live file, or what was committed."""
    committed = turn.memory.committed
    if committed is not None and phase_of(turn.memory) not in (Phase.SWITCHING, Phase.PROVING, Phase.REVERTING):
        turn.do(LoadLive(committed))


def live_seen(turn: Turn, event: ev.LiveSeen) -> None:
    """The file was looked at: remember what it says, and compare once its counterpart is at hand."""
    document = _parsed(event.data, sniff(event.data)) if event.data is not None else None
    turn.set(
        live_document=document,
        live_hash=config_hash(document) if document is not None else None,
        effective_hash=event.effective_hash,
        live_values=event.values,
        live_known=True,
    )
    _measure(turn)
    turn.set(heal_again_at=turn.up)


def applied_read(turn: Turn, event: ev.Looked) -> None:
    """The store's answer: the document of the file that was applied."""
    applied = _applied(turn)
    if applied is not None and event.blob == applied.file:
        # a file that the store lost is known to be so: asking again and again would never end
        document = _parsed(event.data, applied.format) if event.data is not None else None
        turn.set(applied=document, applied_file=applied.file, heal_again_at=turn.up)


def stand(turn: Turn) -> None:
    """Drift and lag as they are now; called at the end of every step."""
    applied = _applied(turn)
    if applied is None or not turn.device.live_known:
        return
    paths = _paths(turn, applied)
    if paths is None:
        return  # not known yet: as it was, until the store answers
    golden = golden_target(turn.device.facts.device_id, turn.memory, turn.device.directive, turn.device.assignment)
    lagging = None if golden is None else not applied.holds(golden)
    kinds = _kinds(turn, applied, paths)
    if turn.memory.local is not None and lagging and applied.release == turn.memory.local.release:
        kinds = (*kinds, DriftKind.FOREIGN_RELEASE)
    standing = drift.standing(
        applied_hash=applied.config_hash, live_hash=turn.device.live_hash, kinds=kinds, lagging=lagging
    )
    since = _since(turn, bool(kinds))
    found = DriftState(
        standing=standing,
        kinds=kinds,
        applied_hash=applied.config_hash,
        live_hash=turn.device.live_hash,
        paths=tuple(path[:PATH_LETTERS_MAX] for path in paths[:PATHS_MAX]),
        more=max(0, len(paths) - PATHS_MAX),
        since=since,
    )
    if found != turn.device.drift:
        turn.set(drift=found)


def press(turn: Turn) -> None:
    """After the update had its turn, for nothing is healed under it. A failed heal, or a fight, never stops detection:
    what is still edited is looked at again."""
    if turn.up >= heal_at(turn.device):
        turn.set(heal_again_at=None)
        heal(turn)


def heal_at(device: Device) -> float:
    """Uptime at which a drift is looked at again."""
    return NEVER if device.heal_again_at is None else device.heal_again_at


def heal(turn: Turn) -> None:
    """Policy `remediate`: write what was applied over an edited file, unless the same key path is fought over."""
    device, committed = turn.device, turn.memory.committed
    if _policy(device) is not DriftPolicy.REMEDIATE or committed is None:
        return
    if phase_of(turn.memory) is not Phase.SETTLED or device.remediating is not None or device.hooks.running is not None:
        return
    if not device.live_known:
        return
    paths = _paths(turn, committed)
    if paths is None or DriftKind.EDITED not in _kinds(turn, committed, paths):
        return
    turn.set(heal_again_at=turn.up + HEAL_AGAIN_SECONDS)
    if any(_fought(turn, path) for path in paths):
        return
    turn.note(healed=_healed_now(turn, paths))
    remediate(turn, committed, "policy", paths)


def _applied(turn: Turn) -> Installed | None:
    """What the live file should be now; none while it is being written."""
    trial = turn.memory.trial
    match phase_of(turn.memory):
        case Phase.PROVING if trial is not None:
            return trial.staged
        case Phase.SWITCHING | Phase.REVERTING:
            return None
        case _:
            return turn.memory.committed


def _measure(turn: Turn) -> None:
    """The effective hash that the environment is compared with: of the provisioned config when first seen, and of
    any config anew after an agent upgrade, whose defaults may be others (PROTOCOL 7)."""
    committed, device = turn.memory.committed, turn.device
    version = device.facts.agent_version
    if committed is None or phase_of(turn.memory) in (Phase.SWITCHING, Phase.PROVING, Phase.REVERTING):
        return
    if device.effective_hash is None or device.live_hash != committed.config_hash:
        return
    named = bool(committed.values) or not device.live_values or committed.effective_hash != device.effective_hash
    if committed.effective_hash is None or committed.measured_by != version or not named:
        measured = replace(
            committed, effective_hash=device.effective_hash, values=device.live_values, measured_by=version
        )
        turn.remember(committed=measured)


def _paths(turn: Turn, applied: Installed) -> tuple[str, ...] | None:
    """Key paths that differ and are not ignored; none while the store is asked for the counterpart."""
    device = turn.device
    if device.live_hash == applied.config_hash:
        return tuple(path for path in _changed_outside(device, applied) if not _ignored(turn, path))
    if device.live_document is None:
        return ("",)
    if device.applied_file != applied.file:
        if Look(blob=applied.file) not in turn.effects:
            turn.do(Look(blob=applied.file))
        return None
    found = drift.differing_paths(device.applied, device.live_document)
    return tuple(path for path in found if not _ignored(turn, path))


def _changed_outside(device: Device, applied: Installed) -> tuple[str, ...]:
    """Key paths whose variable or secret is another than at commit: paths alone, for the values are secrets."""
    if not _environment_differs(device, applied):
        return ()
    was, now = applied.values, device.live_values
    found = sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path)) if was else []
    return tuple(found) or ("",)  # an earlier agent measured it as a whole alone


def _environment_differs(device: Device, applied: Installed) -> bool:
    return applied.effective_hash is not None and device.effective_hash not in (None, applied.effective_hash)


def _kinds(turn: Turn, applied: Installed, paths: tuple[str, ...]) -> tuple[DriftKind, ...]:
    device = turn.device
    if device.live_hash != applied.config_hash:
        return (DriftKind.EDITED,) if paths else ()
    return (DriftKind.ENVIRONMENT,) if paths else ()


def _ignored(turn: Turn, path: str) -> bool:
    directive, own = turn.device.directive, _own_terms(turn.device)
    ignore = (*(directive.drift.ignore if directive is not None else ()), *(own.ignore if own is not None else ()))
    return any(
        turn.now.wall_ms < one.until and (path == one.pointer or path.startswith(f"{one.pointer}/")) for one in ignore
    )


def _policy(device: Device) -> DriftPolicy | None:
    """The device's own, which its groups give it, before its channel's."""
    own = _own_terms(device)
    if own is not None and own.policy is not None:
        return own.policy
    return None if device.directive is None else device.directive.drift.policy


def _own_terms(device: Device) -> OwnDriftTerms | None:
    return None if device.assignment is None else device.assignment.drift


def _since(turn: Turn, drifted: bool) -> int | None:
    before = turn.state.drift_since
    if not drifted:
        if before is not None:
            turn.note(drift_since=None)
        return None
    if before is None:
        turn.note(drift_since=turn.now.wall_ms)
    return turn.state.drift_since


def _fought(turn: Turn, path: str) -> bool:
    line = next((one for one in turn.state.healed if one.pointer == path), None)
    return line is not None and len(_lately(turn, line.at)) >= HEALS_MAX


def _healed_now(turn: Turn, paths: tuple[str, ...]) -> tuple[Healed, ...]:
    recent = {one.pointer: _lately(turn, one.at) for one in turn.state.healed}
    for path in paths:
        recent[path] = (*recent.get(path, ()), turn.now.wall_ms)[-HEALS_MAX:]
    return tuple(Healed(pointer=path, at=at) for path, at in sorted(recent.items()) if at)


def _lately(turn: Turn, at: tuple[int, ...]) -> tuple[int, ...]:
    """Those within the hour; what lies ahead of a clock that was set back counts no more, or healing would stop."""
    return tuple(one for one in at if 0 <= turn.now.wall_ms - one < HEALS_WITHIN_MS)


def _parsed(data: bytes, format: ConfigFormat) -> Any:
    try:
        return parse(data, format)
    except ConfigError:
        return None

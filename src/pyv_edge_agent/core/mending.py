"""The committed bundle's files are gone (deleted by hand, a bad card): it is fetched again, by the device itself.

Meanwhile the installed code runs, or a release that cannot be gone back from yet. In session only: the fleet has it.
"""

from __future__ import annotations

from typing import Final

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import FetchBundle, LeaveBundle, Log
from pyv_edge_agent.core.memory import Installed
from pyv_edge_agent.core.moving import establish, go_back
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge.vocabulary import Phase

AGAIN_FIRST_SECONDS: Final = 60.0
AGAIN_MAX_SECONDS: Final = 3600.0
NEVER: Final = float("inf")
#: nothing of an update is being fetched or put in force
_PHASES: Final = (Phase.SETTLED, Phase.WAITING, Phase.REVERTING)


def lost(turn: Turn) -> None:
    """What is committed cannot be started, for its files are gone."""
    committed = turn.memory.committed
    if committed is not None and committed.slot is not None and turn.device.lost is None:
        turn.do(Log("error", f"bundle {committed.slot[:12]} is gone from this device: it is fetched again"))
        turn.set(lost=committed.slot, mend_at=0.0, mend_tries=0)


def press(turn: Turn) -> None:
    """Ask for it, unless something else is being fetched; one that does not come on is asked for again later."""
    device = turn.device
    committed = _wanted(device)
    if committed is None or committed.bundle is None:
        return
    if device.bundle_asked is None and device.connected and turn.up >= device.mend_at:
        turn.set(bundle_asked=committed.slot, bundle_ready=None, bundle_moved_at=turn.up)
        turn.do(FetchBundle(committed.bundle, device.trust))
    elif device.bundle_asked is not None and turn.up >= device.bundle_moved_at + device.facts.limits.fetch_seconds:
        turn.do(LeaveBundle())
        _again(turn, "it does not come on")


def mend_at(device: Device) -> float:
    """Uptime at which it is asked for, or given up for a while."""
    if _wanted(device) is None:
        return NEVER
    if device.bundle_asked is not None:
        return device.bundle_moved_at + device.facts.limits.fetch_seconds
    return device.mend_at if device.connected else NEVER


def heard(turn: Turn, event: ev.BundleReady | ev.BundleProgressed | ev.BundleFailed) -> bool:
    """What came of it; false if it is of an update's bundle. Once it is there, what was committed is started again."""
    committed = _wanted(turn.device)
    if committed is None or event.slot != committed.slot or turn.device.bundle_asked != event.slot:
        return False
    match event:
        case ev.BundleProgressed():
            turn.set(bundle_moved_at=turn.up)
        case ev.BundleFailed(detail=detail):
            _again(turn, detail)
        case ev.BundleReady():
            turn.set(lost=None, bundle_asked=None)
            if phase_of(turn.memory) is Phase.REVERTING:
                turn.set(revert_retry_at=None)
                go_back(turn)
            else:
                establish(turn)
    return True


def _wanted(device: Device) -> Installed | None:
    committed = device.memory.committed
    if device.lost is None or committed is None or committed.slot != device.lost:
        return None
    return committed if phase_of(device.memory) in _PHASES else None


def _again(turn: Turn, why: str) -> None:
    tries = turn.device.mend_tries
    wait = min(AGAIN_MAX_SECONDS, AGAIN_FIRST_SECONDS * 2.0**tries)
    turn.set(bundle_asked=None, mend_tries=tries + 1, mend_at=turn.up + wait)
    turn.do(Log("error", f"the lost bundle could not be fetched, again in {wait:g} s: {why}"))

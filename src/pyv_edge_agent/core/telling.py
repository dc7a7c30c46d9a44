"""What a device tells and when: reports, beats and the topics it listens to (PROTOCOL 3, 6)."""

from __future__ import annotations

from typing import Any

from pyv_edge_agent.core.content import stale_topics
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import Publish, Subscribe, Unsubscribe
from pyv_edge_agent.core.reach import phase_shown
from pyv_edge_agent.core.update import phase_of
from pyv_edge_agent.core.working import NEVER, wanted_topics
from pyvorin_edge import topics, wire
from pyvorin_edge.canonical import FORM
from pyvorin_edge.identity import ChannelName
from pyvorin_edge.report import Beat, Report, Running, TargetName
from pyvorin_edge.vocabulary import Clock, Phase

SPEAKS = (1,)


def tell(turn: Turn) -> None:
    """At the end of a step: subscribe to what is wanted, report what changed, beat when it is time."""
    device = turn.device
    if not device.connected:
        return
    _listen(turn)
    news = _news(device)
    if news != device.told or _due(device.report_due, turn.up) or turn.up >= _report_at(device):
        turn.set(told=news, report_due=None)
        _report(turn)
    elif turn.up >= _beat_at(device):
        _beat(turn)


def tell_at(device: Device) -> float:
    """Uptime at which something must be told by time alone."""
    if not device.connected:
        return NEVER
    due = device.report_due if device.report_due is not None else NEVER
    return min(due, _report_at(device), _beat_at(device))


def report_of(device: Device, wall_ms: int) -> Report:
    """The whole state of the device, with the seq that was counted last."""
    memory, drift = device.memory, device.drift
    running, trial, state = memory.committed, memory.trial, memory.state
    if trial is not None and trial.staged is not None and trial.phase is Phase.PROVING:
        running = trial.staged
    return Report(
        v=1,
        device_id=device.facts.device_id,
        incarnation=state.incarnation,
        boot=state.boot,
        boot_id=device.boot_id,
        conn=device.conn,
        seq=device.seq,
        at=wall_ms,
        clock=Clock.SYNCED if device.clock_synced else Clock.UNSYNCED,
        agent_version=device.facts.agent_version,
        speaks=SPEAKS,
        caps=device.facts.caps,
        channel=ChannelName(device.channel) if device.channel is not None else None,
        epoch=device.trust.epoch,
        generation=_generation(device),
        number=_number(device),
        trust=device.trust.version,
        running=Running(
            release=running.release if running is not None else None,
            version=running.version if running is not None else None,
            config_hash=device.live_hash,
            effective_hash=device.effective_hash,
            form=FORM,
        ),
        target=None
        if trial is None
        else TargetName(release=trial.target.release, overlay=trial.target.overlay, attempt=trial.target.attempt),
        phase=shown_phase(device),
        waiting_for=device.waiting_for,
        result=state.result,
        drift=drift,
        refused=state.refused,
        floor=max(state.floor, device.trust.floor),
        health=device.health,
    )


def shown_phase(device: Device) -> Phase:
    """The phase that it reports: of its update, else of a link on trial."""
    phase = phase_of(device.memory)
    return phase if phase is not Phase.SETTLED else phase_shown(device) or phase


def fleet_facts(device: Device) -> dict[str, Any]:
    """`fleet` in the /health document (PROTOCOL 8); what is not known is absent."""
    committed = device.memory.committed
    bundle = committed.bundle if committed is not None else None
    found = {
        "device_id": device.facts.device_id,
        "channel": device.channel,
        "release": committed.version if committed is not None else None,
        "digest": committed.release if committed is not None else None,
        "generation": _generation(device),
        "phase": shown_phase(device),
        "bundle": f"{bundle.name} {bundle.version}" if bundle is not None else None,
        "config_hash": device.live_hash,
        "unsigned_allowed": device.facts.unsigned_allowed,
        "connected": device.connected,
    }
    return {name: value for name, value in found.items() if value is not None}


def _generation(device: Device) -> int:
    """Of the directive in force, when it is of this channel and epoch: else its number would be read as one of them."""
    directive = device.directive
    if directive is None or directive.epoch != device.trust.epoch:
        return 0
    return directive.generation if device.channel in (None, directive.channel) else 0


def _number(device: Device) -> int:
    assignment = device.assignment
    return assignment.number if assignment is not None and assignment.epoch == device.trust.epoch else 0


def _listen(turn: Turn) -> None:
    device = turn.device
    wanted = _standing_topics(device) | wanted_topics(turn) | stale_topics(turn)
    gone, new = device.subscribed - wanted, wanted - device.subscribed
    if gone:
        turn.do(Unsubscribe(tuple(sorted(gone))))
    if new:
        turn.do(Subscribe(tuple(sorted(new))))
    if gone or new:
        turn.set(subscribed=wanted)


def _standing_topics(device: Device) -> frozenset[str]:
    """The five exact topics (PROTOCOL 3); four before the first assignment."""
    own = device.facts.device_id
    found = {
        topics.assignment(own),
        topics.request(own),
        topics.shard_request(device.shard),
        topics.trust(device.trust.version + 1),
    }
    if device.channel is not None:
        found.add(topics.channel(device.channel))
    return frozenset(found)


def _news(device: Device) -> tuple[object, ...]:
    """What is reported at once when it changes (PROTOCOL 6)."""
    state, trial = device.memory.state, device.memory.trial
    return (
        device.conn,
        shown_phase(device),
        device.waiting_for,
        trial.target if trial is not None else None,
        state.result,
        device.drift,
        device.health.get("status"),
        state.refused,
        device.trust.version,
        _number(device),
    )


def _report(turn: Turn) -> None:
    seq = turn.device.seq + 1
    turn.set(seq=seq, reported_seq=seq, reported_at=turn.up, beat_at=turn.up)
    payload = wire.encode(report_of(turn.device, turn.now.wall_ms))
    turn.do(Publish(topic=topics.report(turn.device.facts.device_id), payload=payload, qos=1, seq=seq))


def _beat(turn: Turn) -> None:
    device = turn.device
    turn.set(seq=device.seq + 1, beat_at=turn.up)
    beat = Beat(
        b=device.memory.state.boot, c=device.conn, s=device.seq + 1, of=device.reported_seq, m=_figures(device.health)
    )
    turn.do(Publish(topic=topics.beat(device.facts.device_id), payload=wire.encode(beat), qos=0))


def _figures(health: dict[str, Any]) -> tuple[float | None, float | None, float | None, float | None, int | None]:
    metrics = health.get("metrics") or {}
    cloud = health.get("cloud") or {}
    return (
        metrics.get("cpu_percent"),
        metrics.get("ram_percent"),
        metrics.get("disk_percent"),
        metrics.get("thermal_celsius"),
        cloud.get("queue_depth"),
    )


def _report_at(device: Device) -> float:
    return NEVER if device.reported_at is None else device.reported_at + device.pace.report_seconds


def _beat_at(device: Device) -> float:
    if device.pace.beat_seconds == 0 or device.beat_at is None:
        return NEVER
    return device.beat_at + device.pace.beat_seconds


def _due(at: float | None, up: float) -> bool:
    return at is not None and up >= at

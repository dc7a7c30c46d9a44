"""Has the release proved itself? Health over time, judged by the release's own gate (PROTOCOL 5)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from pyvorin_edge.orders import Gate, Require
from pyvorin_edge.vocabulary import HealthStatus


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How the proof goes; uptime seconds."""

    began: float
    good_since: float | None = None
    #: when it was last looked at
    seen_at: float = 0.0
    #: why it was not good when last seen
    missing: str = "no health was seen"


class Passed(msgspec.Struct, frozen=True):
    """Good for as long as the gate asks."""


class Failed(msgspec.Struct, frozen=True):
    """Not good in time, and why."""

    why: str


def seen(proof: Proof, gate: Gate, document: dict[str, Any], uptime: float) -> Proof:
    """The proof after a look at the health document."""
    missing = shortfall(gate.require, document)
    if missing is not None:
        return replace(proof, good_since=None, seen_at=uptime, missing=missing)
    good_since = uptime if proof.good_since is None else proof.good_since
    return replace(proof, good_since=good_since, seen_at=uptime, missing="")


def judge(proof: Proof, gate: Gate, uptime: float) -> Passed | Failed | None:
    """Good within `within_seconds` and then seen to be for `hold_seconds`; none = not decided yet.

    Time alone passes no gate: what nobody looked at was not seen to be good.
    """
    if proof.good_since is not None:
        if proof.seen_at - proof.good_since >= gate.hold_seconds:
            return Passed()
        silent = uptime - proof.seen_at >= gate.within_seconds
        return Failed(f"no health was seen for {gate.within_seconds} s") if silent else None
    if uptime - proof.began < gate.within_seconds:
        return None
    return Failed(f"not healthy within {gate.within_seconds} s: {proof.missing}")


def next_look(proof: Proof, gate: Gate) -> float:
    """Uptime at which the judgement can change by time alone."""
    return (proof.began if proof.good_since is None else proof.seen_at) + gate.within_seconds


def shortfall(require: Require, document: dict[str, Any]) -> str | None:
    """What the document lacks of what is required, in words; none = nothing. An absent figure is not enough."""
    status = document.get("status")
    if require.health is not None and not _good_enough(status, require.health):
        return f"status is {status}{_because(document)}"
    return _adapters_missing(require, document) or _figures_over(require, document)


def _good_enough(status: object, wanted: HealthStatus) -> bool:
    return status == wanted or (wanted is HealthStatus.DEGRADED and status == HealthStatus.HEALTHY)


def _because(document: dict[str, Any]) -> str:
    reasons = document.get("reasons")
    return f" ({'; '.join(map(str, reasons[:3]))})" if isinstance(reasons, list) and reasons else ""


def _adapters_missing(require: Require, document: dict[str, Any]) -> str | None:
    if require.adapters_connected is None:
        return None
    ingest = document.get("ingest")
    connected = ingest.get("adapters_connected") if isinstance(ingest, dict) else None
    configured = ingest.get("devices_configured") if isinstance(ingest, dict) else None
    have = len(connected) if isinstance(connected, list) else 0
    want = configured if require.adapters_connected == "all" else require.adapters_connected
    if not isinstance(want, int) or have < want:
        return f"{have} of {want} adapters connected{_because(document)}"
    return None


def _figures_over(require: Require, document: dict[str, Any]) -> str | None:
    limits: tuple[tuple[str, str, float | None], ...] = (
        ("metrics", "cpu_percent", require.max_cpu_percent),
        ("metrics", "ram_percent", require.max_ram_percent),
        ("cloud", "queue_depth", require.max_queue_depth),
    )
    for section, name, limit in limits:
        part = document.get(section)
        value = part.get(name) if isinstance(part, dict) else None
        if limit is not None and (not isinstance(value, int | float) or value > limit):
            return f"{name} is {value}, at most {limit:g} is allowed"
    return None

"""The parts of the archive: each a function that may fail alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from pyv_edge_agent.at_rest import Sight, history_of
from pyv_edge_agent.config import Config
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.health.metrics import metrics_text
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.support import machine
from pyv_edge_agent.support.archive import Makers
from pyv_edge_agent.support.known import hidden_pointers
from pyv_edge_agent.values import values_of
from pyvorin_edge.config.document import with_defaults
from pyvorin_edge.config.redaction import redact
from pyvorin_edge.config.variables import references

LOG_LINES: Final = 500


@dataclass(frozen=True)
class Sources:
    """Where parts come from. `ask` speaks to the agent, `seen` reads the disk: each raises as it must."""

    place: StateDir
    config: Path
    environ: Mapping[str, str]
    version: Mapping[str, Any]
    ask: Callable[[str], Any]
    seen: Callable[[], Sight]
    status: Callable[[], Mapping[str, Any]]


def makers(of: Sources) -> Makers:
    """Every part by its file name."""
    return {
        "version.json": lambda: _json(of.version),
        "status.json": lambda: _json(of.status()),
        "health.json": lambda: _json(_health(of)),
        "metrics.txt": lambda: metrics_text(_health(of)).encode(),
        "drift.json": lambda: _json(_drift(of)),
        "config-declared.json": lambda: _json(redact(_declared(of).to_dict())),
        "config-effective.json": lambda: _json(_effective(of)),
        "history.jsonl": lambda: _history(of.place),
        "log.txt": lambda: "\n".join(of.ask("logs")["lines"]).encode("utf-8", "replace"),
        "service-log.txt": lambda: machine.service_log(LOG_LINES),
        "memory.json": lambda: _json(_remembered(of.seen())),
        "queue.json": lambda: _json(_queue(of.place.queue)),
        "disk.json": lambda: _json(machine.disk(of.place.root)),
        "machine.json": lambda: _json(machine.machine()),
        "network.json": lambda: _json({"interfaces": machine.network(), "fleet": _whereabouts(of.seen())}),
        "certificate.json": lambda: _json(machine.certificate(of.place)),
    }


def _json(found: object) -> bytes:
    return json.dumps(msgspec.to_builtins(found), indent=1, sort_keys=True, default=str).encode()


def _health(of: Sources) -> dict[str, Any]:
    """As the agent says it; of an endpoint only the server, for its path may have come through `${…}`."""
    document: dict[str, Any] = dict(of.ask("health"))
    cloud = dict(document.get("cloud") or {})
    if cloud.get("endpoint"):
        cloud["endpoint"] = urlsplit(str(cloud["endpoint"])).netloc.rpartition("@")[2]
    return {**document, "cloud": cloud}


def _drift(of: Sources) -> dict[str, Any]:
    sight = of.seen()
    said: dict[str, Any] = msgspec.to_builtins(sight.device.drift)
    return {**said, "changes": msgspec.to_builtins(sight.changes)}


def _declared(of: Sources) -> Config:
    return Config.from_file(of.config)


def _effective(of: Sources) -> Any:
    config = _declared(of)
    declared = with_defaults(config.to_dict())
    return redact(config.effective(values_of(references(declared), of.place, of.environ)), hidden_pointers(declared))


def _history(place: StateDir) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in history_of(place).lines)


def _remembered(sight: Sight) -> dict[str, Any]:
    """What the journal holds, orders opened, without the bytes of what is signed."""
    memory: Memory = sight.device.memory
    said: dict[str, Any] = {
        name: msgspec.to_builtins(getattr(memory, name))
        for name in ("state", "committed", "previous", "trial", "quarantine", "local")
    }
    said["directive"] = redact(msgspec.to_builtins(sight.device.directive))
    said["assignment"] = redact(msgspec.to_builtins(sight.device.assignment))
    said["trust_documents"] = len(memory.trust)
    said["problems"] = list(sight.problems)
    return said


def _whereabouts(sight: Sight) -> dict[str, Any]:
    state = sight.device.memory.state
    trial = state.link_trial
    return {
        "in_use": None if state.link is None else [*state.link.mqtt, *state.link.http],
        "on_trial": None if trial is None else [*trial.link.mqtt, *trial.link.http],
        "trust_document": [*sight.device.trust.link.mqtt, *sight.device.trust.link.http],
    }


def _queue(path: Path) -> dict[str, Any]:
    """How much waits, never what."""
    found: dict[str, Any] = {"file_bytes": path.stat().st_size}
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in tables:
            quoted = name.replace('"', '""')
            found[f"rows in {name}"] = database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]
    finally:
        database.close()
    return found

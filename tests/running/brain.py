"""The device's brain on a bench: no shell, so each event is fed by hand and the effects of that one step are seen."""

from __future__ import annotations

from typing import Any, TypeVar

from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import step, wake
from pyv_edge_agent.core.device import Device, Facts, Limits
from pyv_edge_agent.core.memory import Installed, Memory
from pyv_edge_agent.enrolled import with_join
from pyvorin_edge import topics, wire
from pyvorin_edge.identity import DeviceId, Digest, digest_of
from pyvorin_edge.orders import EMPTY_OVERLAY, Rule, Target
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Link, advance_all, from_key
from pyvorin_edge.vocabulary import ConfigFormat, RuleKind

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
LIVE = b"[windows]\ndefault_size = 60\n"
HOME = Link(mqtt=("here.example:8883",))
E = TypeVar("E")


class Bench:
    """One enrolled device that has booted; `last` are the effects of the last step."""

    def __init__(self, limits: Limits | None = None, version: str = "1", *, guarded: bool = False) -> None:
        self.broker = MemoryBroker()
        self.fleet = Fleet(self.broker, DEVICE, HOME.mqtt[0])
        self.up = 0.0
        self.synced = True
        self.facts = Facts(
            device_id=DEVICE, agent_version=version, enrolled_link=HOME, guarded=guarded, limits=limits or Limits()
        )
        self.last: tuple[do.Effect, ...] = ()
        self.device: Device = self._woken(with_join(Memory(), self.fleet.join()))
        self.boot()

    @property
    def memory(self) -> Memory:
        """What is durable."""
        return self.device.memory

    def boot(
        self,
        memory: Memory | None = None,
        machine: str = "m1",
        live: bytes = LIVE,
        fallen: ev.Fallen | None = None,
    ) -> None:
        """Start, or start again from what is durable."""
        if memory is not None:
            self.device = self._woken(memory)
        self.up = 0.0
        self.feed(ev.Booted(boot_id="b1", machine_boot_id=machine, live=live, fallen=fallen))

    def feed(self, event: ev.Event, *, after: float = 0.0) -> tuple[do.Effect, ...]:
        """One event, so many seconds after the last."""
        self.up += after
        now = ev.Now(self.broker.wall_ms + int(self.up * 1000), self.synced, self.up)
        self.device, self.last = step(self.device, event, now)
        return self.last

    def connect(self) -> None:
        """A session stands."""
        self.feed(ev.Connected())

    def assign(self, **fields: Any) -> None:
        """The next assignment arrives."""
        self.feed(ev.Arrived(topics.assignment(DEVICE), self.fleet.assign(**fields), True))

    def direct(self, *rules: Any, **fields: Any) -> None:
        """The next directive arrives."""
        self.feed(ev.Arrived(topics.channel("stable"), self.fleet.direct(*rules, **fields), True))

    def release(self, version: str, config: bytes = b"[windows]\ndefault_size = 7\n", **fields: Any) -> Digest:
        """A signed release, published on the broker's memory; the bench does not deliver it."""
        return self.fleet.release(version, config, **fields)

    def deliver(self, topic: str) -> None:
        """What is retained there arrives."""
        self.feed(ev.Arrived(topic, self.broker.retained[topic], True))

    def install(self, digest: Digest, config: bytes = b"[windows]\ndefault_size = 7\n") -> None:
        """From an empty store through fetch, stage and switch to proving."""
        self.feed(ev.Looked(release=digest, data=None))
        self.deliver(topics.release(digest))
        self.feed(ev.Looked(blob=digest_of(config), data=config))
        self.feed(ev.Staged())
        self.feed(ev.Switched(effective_hash="e" * 64))

    def prove(self, *, seconds: int = 1) -> None:
        """Healthy for so long."""
        for _ in range(seconds + 1):
            self.feed(ev.HealthSeen(HEALTHY), after=1.0)

    def settle_on(self, digest: Digest, config: bytes = b"[windows]\ndefault_size = 7\n") -> None:
        """Order it, run it, commit it."""
        self.direct(digest)
        self.install(digest, config)
        self.prove()
        assert self.memory.committed is not None
        assert self.memory.committed.release == digest

    def did(self, kind: type[E]) -> list[E]:
        """The effects of this kind of the last step."""
        return [effect for effect in self.last if isinstance(effect, kind)]

    def reports(self) -> list[Report]:
        """The reports of the last step."""
        said = [one for one in self.did(do.Publish) if one.topic == topics.report(DEVICE)]
        return [wire.decode(one.payload, Report, limit_bytes=wire.REPORT_BYTES_MAX) for one in said]

    def _woken(self, memory: Memory) -> Device:
        anchor = from_key(self.fleet.root.public_key().public_bytes_raw())
        return wake(self.facts, memory, advance_all(anchor, memory.trust))


HEALTHY: dict[str, Any] = {"status": "healthy", "ingest": {"adapters_connected": [], "devices_configured": 0}}


#: the config of the release that a guarded bench runs
BASE: bytes = b"[windows]\ndefault_size = 1\n"


def guarded_bench() -> Bench:
    """On a release of its fleet, with an update lock that is free and hooks that all end well so far."""
    bench = Bench(guarded=True)
    bench.connect()
    bench.assign()
    digest = bench.release("0.9", BASE)
    lay_ready(bench, digest, BASE)
    bench.feed(ev.LockSeen(holder=None, ours=True))
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    bench.feed(ev.Switched(effective_hash="e" * 64))
    bench.feed(ev.HooksEnded(number=bench.device.hooks.number))
    bench.prove()
    assert bench.memory.committed is not None
    assert bench.memory.committed.release == digest
    return bench


def lay_ready(bench: Bench, what: Rule | Digest, config: bytes, **fields: Any) -> None:
    """Order a release, fetch and stage it: only what keeps it from being put in force is left."""
    bench.direct(what, **fields)
    digest = what.release if isinstance(what, Rule) else what
    bench.feed(ev.Looked(release=digest, data=None))
    bench.deliver(topics.release(digest))
    bench.feed(ev.Looked(blob=digest_of(config), data=config))
    bench.feed(ev.Staged())


def a_target(letter: str = "a", **fields: Any) -> Target:
    """A target named by one letter."""
    values = {"release": letter * 64, "overlay": EMPTY_OVERLAY, "attempt": 1, "kind": RuleKind.RELEASE, **fields}
    return Target(**values)


def an_installed(letter: str | None = "a", **fields: Any) -> Installed:
    """An installed release named by one letter; none = the provisioned config."""
    release = Digest(letter * 64) if letter else None
    values = {
        "release": release,
        "version": f"{letter}.0" if letter else None,
        "overlay": EMPTY_OVERLAY,
        "attempt": 1,
        "file": Digest("f" * 64),
        "format": ConfigFormat.TOML,
        "config_hash": "c" * 64,
        **fields,
    }
    return Installed(**values)

"""Any order of orders, losses, restarts, power cuts and clock steps: what holds all the same (PROTOCOL 5)."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from conformance.core_subject import DEVICE, CoreSubject
from conformance.fleet import Fleet, other_key
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core.aim import aimed_at, barred, floor_of, judged_by, tried
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.core.memory import Heard, Installed, Memory
from pyv_edge_agent.guarding import EX_TEMPFAIL
from pyvorin_edge import envelope, topics
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef, DriftTerms, Gate, Grant, Pin, Rule
from pyvorin_edge.trust import advance_all, from_key
from pyvorin_edge.turns import crit_of, turn_for
from pyvorin_edge.vocabulary import DriftKind, DriftPolicy, HookMoment, RuleKind, WaitingFor

HOUR: Final = 3600.0
GATE: Final = Gate(within_seconds=4, hold_seconds=2)
OPEN: Final = {"windows": {"default_size": 7}}
CLOSED: Final = {"sensors": {"poll_interval_seconds": 1}}
KINDS: Final = ("good", "sick", "unfit", "bundle", "bundle", "crashing bundle", "deaf bundle", "spoilt bundle")
MARKERS: Final = st.integers(0, 5)


class Fate(RuleBasedStateMachine):
    """One enrolled device and its fleet; every rule is a thing that happens to a device in the field."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = MemoryBroker()
        self.subject = CoreSubject(self.broker)
        self.fleet = Fleet(self.broker, DEVICE, CoreSubject.address)
        self.releases: dict[int, tuple[Digest, int]] = {}
        self.bad: set[str] = set()
        self.bad_slots: set[str] = set()
        self.sent: list[tuple[str, bytes]] = []
        #: all that was ever retained: what is lost comes back from here
        self.kept: dict[str, bytes] = {}
        #: forward switches: what was put in force, and the floor that then held
        self.switches: list[tuple[Installed, int]] = []
        #: releases that may be begun (each second one is handed out in turns), and those that were
        self.leave: set[str] = set()
        self.begun: set[str] = set()
        self.heard: dict[str, Heard] = {}
        self.floor = (1, 0)
        self.subject.provision(self.fleet.join(), self.config(99), {})
        for version, document in enumerate(self.fleet.documents, start=1):
            self.kept[topics.trust(version)] = document
        self._watch_the_disk()
        self.fleet.assign()
        self.subject.start()
        for marker, kind in enumerate(("good", "bundle", "sick")):
            self.release(marker, kind, marker)

    # what the fleet does

    @rule(marker=MARKERS, kind=st.sampled_from(KINDS), security=st.integers(0, 2))
    def release(self, marker: int, kind: str, security: int) -> None:
        if marker in self.releases:
            return
        config = {"sick": self.sick(marker), "unfit": b"[sensors]\nno_such_key = 1\n"}.get(kind, self.config(marker))
        bundle = self.bundle(marker, kind) if kind.endswith("bundle") else None
        digest = self.fleet.release(
            f"{marker}.0",
            config,
            security=security,
            floor=security // 2,
            open=("/windows",),
            gate=GATE,
            bundle=bundle,
        )
        self.releases[marker] = (digest, security)
        if kind not in ("good", "bundle"):
            self.bad.add(digest)

    def bundle(self, marker: int, kind: str) -> BundleRef:
        slot = digest_of(f"bundle {marker}".encode())
        marks = {"crashing bundle": self.subject.crash, "deaf bundle": self.subject.deafen}
        marks["spoilt bundle"] = self.subject.spoil
        if kind in marks:
            marks[kind](slot)
            self.bad_slots.add(slot)
        return BundleRef(name="app", version=str(marker), manifest_sha256=slot, sha256=slot, size=1000)

    @rule(
        choice=MARKERS,
        kind=st.sampled_from(list(RuleKind)),
        channel=st.sampled_from(["stable"] * 5 + ["beta"]),
        spread=st.sampled_from([0, 0, 45]),
        hold=st.booleans(),
    )
    def direct(self, choice: int, kind: RuleKind, channel: str, spread: int, hold: bool) -> None:
        last = self._rule(choice, kind=kind, spread_seconds=spread)
        first = (self._rule(choice + 1, hold=True),) if hold else ()
        drift = DriftTerms(policy=DriftPolicy.REMEDIATE if hold else DriftPolicy.ALERT)
        order = self.fleet.order(*first, last, channel=channel, crit=crit_of((*first, last)), drift=drift)
        self.sent.append((topics.channel(channel), self.fleet.send(order)))

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 5))
    def say_again(self, back: int) -> None:
        topic, sealed = self.sent[-1 - back % len(self.sent)]
        self.broker.publish(topic, sealed, retain=True)

    @rule(
        overlay=st.sampled_from(
            [{}, {}, {}, {"windows": {"default_size": 7}}, {"sensors": {"poll_interval_seconds": 1}}]
        ),
        channel=st.sampled_from(["stable"] * 4 + ["beta"]),
        pinned=st.one_of(st.none(), st.none(), MARKERS),
        turn=st.booleans(),
    )
    def assign(self, overlay: dict[str, Any], channel: str, pinned: int | None, turn: bool) -> None:
        pin = None
        if pinned is not None:
            self.fleet.attempts += 1
            pin = Pin(release=self._release(pinned), attempt=self.fleet.attempts, kind=RuleKind.RELEASE)
            self.leave.add(pin.release)
        grant = self._grant() if turn else None
        sealed = self.fleet.assign(overlay=overlay, channel=channel, pin=pin, turn=grant)
        self.sent.append((topics.assignment(DEVICE), sealed))

    @rule(change=st.sampled_from(["floor", "epoch", "revoke", "key"]), choice=MARKERS)
    def trust(self, change: str, choice: int) -> None:
        if len(self.fleet.documents) > 4:
            return
        match change:
            case "floor":
                self.fleet.trust(floor=2)
            case "epoch":
                self.fleet.trust(epoch=self.fleet.epoch + 1)
                self.fleet.assign()
            case "revoke":
                self.fleet.trust(revoked_releases=(self._release(choice),))
            case _:
                before = self.fleet.release_key
                self.fleet.trust(release_key=other_key(len(self.fleet.documents)))
                self._sign_again(before)

    # what the world does

    @rule(what=st.integers(0, 30))
    def lose_a_message(self, what: int) -> None:
        self._keep()
        names = sorted(name for name in self.broker.retained if "/presence" not in name)
        if names:
            del self.broker.retained[names[what % len(names)]]

    @rule()
    def find_all_messages(self) -> None:
        self._say_everything()

    @rule()
    def lose_network(self) -> None:
        self.subject.disconnect()

    @rule()
    def find_network(self) -> None:
        self.subject.connect()

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0, 70.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.subject.idle(seconds)

    @rule(reboot=st.booleans())
    def restart(self, reboot: bool) -> None:
        self.subject.kill()
        self.subject.machine_boots += reboot
        self.subject.start()

    @rule(acts=st.integers(0, 12), seconds=st.sampled_from([0.0, 5.0, 30.0]))
    def cut_power(self, acts: int, seconds: float) -> None:
        """After so many writes and effects from now on, wherever that is; once more while it starts again."""
        self.subject.disk.power_for = acts
        self.subject.idle(seconds)
        self._recover()

    @rule(acts=st.integers(0, 12))
    def cut_power_at_start(self, acts: int) -> None:
        self.subject.kill()
        self.subject.disk.power_for = acts
        self.subject.machine_boots += 1
        self.subject.start()
        self._recover()

    @rule(held=st.booleans())
    def hold_the_lock(self, held: bool) -> None:
        self.subject.hold_lock(held)

    @rule(moment=st.sampled_from(HookMoment), status=st.sampled_from([0, 0, 1, EX_TEMPFAIL, None]))
    def end_hooks(self, moment: HookMoment, status: int | None) -> None:
        self.subject.end_hooks(moment, status)

    @rule(edited=st.booleans())
    def edit(self, edited: bool) -> None:
        """The next directive may say that it is healed; what is not stays so, until something else is put in force."""
        self.subject.edit(self.config(50) if edited else None)

    @rule(synced=st.booleans(), ahead_ms=st.sampled_from([0, 0, 3_600_000, -86_400_000 * 400, 86_400_000 * 2]))
    def step_clock(self, synced: bool, ahead_ms: int) -> None:
        self.subject.set_clock(synced=synced, ahead_ms=ahead_ms if not synced else min(0, ahead_ms))

    @rule(choice=MARKERS)
    def roll_back_by_hand(self, choice: int) -> None:
        self.subject.roll_back_by_hand(f"{choice}.0")

    @precondition(lambda self: self.fleet.directive is not None)
    @rule()
    def refresh_at_rest(self) -> None:
        """The same rules under a new generation change nothing but what says so."""
        self._rest()
        files, switched = dict(self.subject.durable()), len(self.switches)
        device, said = self.subject.device, self.fleet.directive
        assert device is not None
        assert said is not None
        if self._memory().trial is not None or device.directive is None:
            return
        if replace(device.directive, generation=0, issued_at=0) != replace(said, generation=0, issued_at=0):
            return  # the last one said is not the one in force
        self.fleet.refresh()
        self._keep()
        self.subject.idle(2.0)
        after = dict(self.subject.durable())
        if self._memory().trial is None and not self._owed(files, after):
            changed = {name for name in files.keys() | after.keys() if files.get(name) != after.get(name)}
            assert changed <= {"state", "desired-directive"}, changed
            assert len(self.switches) == switched, "a refresh switched"

    # what must hold

    @invariant()
    def generations_never_go_back(self) -> None:
        for channel, heard in self._memory().state.heard.items():
            before = self.heard.get(channel)
            assert before is None or (heard.epoch, heard.generation) >= (before.epoch, before.generation), channel
            self.heard[channel] = heard

    @invariant()
    def the_floor_never_sinks_within_an_epoch(self) -> None:
        memory = self._memory()
        now = (self._epoch(), memory.state.floor)
        assert now[0] > self.floor[0] or now >= self.floor, "the floor sank"
        self.floor = now

    @invariant()
    def nothing_below_the_floor_was_begun(self) -> None:
        by_digest = dict(self.releases.values())
        for installed, floor in self.switches:
            if installed.release is not None:
                assert by_digest[installed.release] >= floor, "a release below the floor was put in force"

    @invariant()
    def what_is_handed_out_in_turns_was_not_begun_without_leave(self) -> None:
        assert self.begun <= self.leave, "a release was begun out of turn"

    @invariant()
    def nothing_bad_is_committed(self) -> None:
        memory = self._memory()
        kept = [one.release for one in (memory.committed, *memory.previous) if one is not None]
        assert not self.bad.intersection(filter(None, kept)), "what fails its gate or its check is kept as good"

    @invariant()
    def the_launcher_goes_back_to_good_code_only(self) -> None:
        assert self.subject.disk.launch.good not in self.bad_slots
        memory = self._memory()
        kept = [one.slot for one in (memory.committed, *memory.previous) if one is not None and one.slot is not None]
        assert self.subject.disk.slots.issuperset(kept), "the code of a kept release is gone"

    @invariant()
    def reports_are_in_order(self) -> None:
        said = [(one.boot, one.seq) for one in self.subject.reports()[-20:]]
        assert said == sorted(set(said)), said

    def teardown(self) -> None:
        """When the world is kind again, it settles: on what it works towards, or on why not."""
        self._rest(hours=3)
        self._give_turn()
        memory, device = self._memory(), self.subject.device
        assert device is not None
        assert memory.trial is None, f"it never settled: {memory.trial}"
        assert memory.committed is not None
        assert self._is_as_committed(device, memory.committed), "live is not what is committed"
        assert self.subject.running_slot == (memory.committed.slot or INSTALLED), "other code runs than is committed"
        target = aimed_at(DEVICE, memory, device.directive, device.assignment)
        if target is not None and not memory.committed.holds(target):
            by = judged_by(device.trust, memory, "1")
            assert barred(memory, target, by), f"it neither runs {target} nor says why: {tried(memory, target)}"

    # how

    def config(self, marker: int) -> bytes:
        return self.subject.config({"windows": {"default_size": 100 + marker}})

    def sick(self, marker: int) -> bytes:
        sensor = {"name": "broken", "fail_after_seconds": 0}
        return self.subject.config({"windows": {"default_size": 100 + marker}, "sensors": {"devices": [sensor]}})

    def _release(self, choice: int) -> Digest:
        names = sorted(self.releases)
        return self.releases[names[choice % len(names)]][0]

    def _rule(self, choice: int, *, kind: RuleKind = RuleKind.RELEASE, **fields: Any) -> Rule:
        release = self._release(choice)
        in_turns = self._marker(release) % 2 == 1
        if not in_turns or kind is RuleKind.ROLLBACK:
            self.leave.add(release)
        return self.fleet.rule(release, kind=kind, turn=in_turns, **fields)

    def _marker(self, release: Digest) -> int:
        return next(marker for marker, (digest, _) in self.releases.items() if digest == release)

    def _grant(self) -> Grant | None:
        """Of what the fleet said last, to the device or not."""
        if self.fleet.directive is None:
            return None
        rule = self.fleet.directive.rules[-1]
        self.leave.add(rule.release)
        return Grant(release=rule.release, attempt=rule.attempt)

    def _give_turn(self) -> None:
        device, memory = self.subject.device, self._memory()
        if device is None or device.waiting_for is not WaitingFor.TURN or memory.trial is None:
            return
        assert device.assignment is not None
        self.leave.add(memory.trial.target.release)
        kept = {name: getattr(device.assignment, name) for name in ("overlay", "channel", "pin")}
        self.fleet.assign(**kept, turn=turn_for(memory.trial.target))
        self._rest(hours=3)

    def _is_as_committed(self, device: Device, committed: Installed) -> bool:
        """Or it was edited, is known to be, and nobody ordered that it be healed."""
        policy = device.directive.drift.policy if device.directive is not None else DriftPolicy.ALERT
        known = policy is DriftPolicy.ALERT and DriftKind.EDITED in device.drift.kinds
        return known or self.subject.live() == self.subject.disk.blobs[committed.file]

    def _memory(self) -> Memory:
        return self.subject.disk.memory()

    def _epoch(self) -> int:
        anchor = from_key(envelope.public_bytes(self.fleet.root))
        return advance_all(anchor, self._memory().trust).epoch

    def _watch_the_disk(self) -> None:
        disk, intended = self.subject.disk, self.subject.disk.intended

        def watched(effect: do.Effect) -> None:
            intended(effect)
            memory = disk.memory()
            if isinstance(effect, do.Switch) and effect.installed != memory.committed and self.subject.device:
                self.switches.append((effect.installed, floor_of(self.subject.device.trust, memory)))
                kind = memory.trial.target.kind if memory.trial is not None else RuleKind.ROLLBACK
                first = memory.committed is None or memory.committed.release is None
                if effect.installed.release is not None and first:
                    self.leave.add(effect.installed.release)  # the first of all waits for no turn
                if effect.installed.release is not None and kind is RuleKind.RELEASE:
                    self.begun.add(effect.installed.release)

        disk.intended = watched  # type: ignore[method-assign]

    def _recover(self) -> None:
        self.subject.disk.power_for = None
        if self.subject.device is None:
            self.subject.machine_boots += 1
            self.subject.start()

    def _keep(self) -> None:
        self.kept.update(self.broker.retained)

    def _say_everything(self) -> None:
        self._keep()
        for topic, payload in sorted(self.kept.items()):
            if "/shard/" not in topic:
                self.broker.publish(topic, payload, retain=True)

    def _rest(self, hours: float = 0.1) -> None:
        self._recover()
        self.subject.hold_lock(False)
        for moment in HookMoment:
            self.subject.end_hooks(moment, 0)
        self.subject.set_clock(synced=True)
        self._say_everything()
        self.subject.connect()
        self.subject.idle(hours * HOUR)

    @staticmethod
    def _owed(before: dict[str, bytes], after: dict[str, bytes]) -> bool:
        """Whether a retry was due meanwhile: then the refresh is not what changed it."""
        return before.get("quarantine") != after.get("quarantine")

    def _sign_again(self, before: Any) -> None:
        """A new release key: the fleet signs what it published again; the digests stay."""
        for digest, _ in self.releases.values():
            topic = topics.release(digest)
            sealed = self.broker.retained.get(topic) or self.kept.get(topic)
            if sealed is not None:
                payload = envelope.open_envelope(sealed).payload
                again = envelope.seal(payload, envelope.TYPE_RELEASE, [self.fleet.release_key])
                self.broker.publish(topic, again, retain=True)


Fate.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
TestFate = Fate.TestCase

"""Performs the core's effects, one at a time: files, the live config, the link. What comes of them is events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import msgspec

from pyv_edge_agent.config import Config
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.memory import Installed
from pyv_edge_agent.delivery import Delivery, Route
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.history import History
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.live import LiveFile
from pyv_edge_agent.disk.slots import SlotKind, Slots
from pyv_edge_agent.guarding import GuardPlace, Guards, Store
from pyv_edge_agent.link.interface import Link
from pyvorin_edge.config.problem import ConfigError, refuse
from pyvorin_edge.config.variables import Reference, Values
from pyvorin_edge.identity import Digest
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.vocabulary import Cause, ConfigFormat

logger = logging.getLogger(__name__)


class ApplyError(Exception):
    """A part of the agent could not be started with a config; the message says which and why."""


class Surroundings(msgspec.Struct, frozen=True):
    """What is asked of the agent around it."""

    #: put an effective, validated config in force, restarting only what it affects; ApplyError
    apply: Callable[[dict[str, Any]], None]
    #: the health document without `fleet`
    health: Callable[[], dict[str, Any]]
    #: the last log lines
    logs: Callable[[int], tuple[str, ...]]
    #: what a config's references stand for here, by their keys
    values: Callable[[Sequence[Reference]], Values]
    #: bytes of a topic over HTTPS, none if that failed
    fetch: Callable[[Whereabouts, str], bytes | None]
    #: hides secrets in effective hashes
    device_key: bytes
    #: where the fleet is, as enrolled
    enrolled: Whereabouts
    #: end this process, so that the launcher starts the code that is in force; none = no launcher started it
    start_again: Callable[[], None] | None
    #: how bundles come here
    route: Route
    #: update lock and hooks; none = this agent has neither
    guards: GuardPlace | None = None


class Disk(msgspec.Struct, frozen=True):
    """What the updater remembers by."""

    journal: Journal
    slots: Slots
    live: LiveFile
    code: CodeInForce
    #: what a person reads later; none = nobody wants it
    history: History | None = None


class Performer:
    """Every effect can be repeated: the second time finds what the first left."""

    def __init__(
        self,
        disk: Disk,
        delivery: Delivery,
        link: Link,
        around: Surroundings,
        put: Callable[[ev.Event], None],
    ) -> None:
        """`put` takes events that come later, from any thread."""
        self._slots = disk.slots
        self._live = disk.live
        self._code = disk.code
        self._delivery = delivery
        self._link = link
        self._around = around
        self._put = put
        store = Store(lambda blob: disk.slots.read(SlotKind.BLOBS, blob), disk.code.slots.directory)
        self._guards = None if around.guards is None else Guards(around.guards, store, put)
        self._where = around.enrolled
        #: the link on trial (rule 7)
        self.candidate: Whereabouts | None = None
        #: why neither the live config nor the last good one could be loaded; none once one is in force
        self.unusable: str | None = None
        #: seconds between looks at health; 0 = none
        self.health_every_seconds = 0.0

    def perform(self, effect: do.Effect) -> list[ev.Event]:
        """Do it; the events that come of it at once."""
        try:
            return self._act(effect)
        except DiskError as why:
            logger.error("%s", why)
            return [ev.StageFailed(code=Cause.DISK, detail=str(why))]

    def _act(self, effect: do.Effect) -> list[ev.Event]:
        slots = self._slots
        match effect:
            case do.Subscribe(topics):
                self._link.subscribe(topics)
            case do.Unsubscribe(topics):
                self._link.unsubscribe(topics)
            case do.Publish():
                self._link.publish(effect.topic, effect.payload, qos=effect.qos, retain=effect.retain, tag=effect.seq)
            case do.UseLink(link, candidate):
                self._use_link(link, candidate)
            case do.Look(release=release, blob=blob):
                return [self._looked(release, blob)]
            case do.FetchOverHttp(topic):
                threading.Thread(target=self._fetch, args=(topic,), name="fetch", daemon=True).start()
            case do.KeepRelease(digest, envelope):
                slots.keep(SlotKind.RELEASES, digest, envelope)
            case do.KeepBlob(digest, data):
                slots.keep(SlotKind.BLOBS, digest, data)
            case do.Stage(installed, data):
                return [self._stage(installed, data)]
            case do.FetchBundle(bundle, trust):
                self._delivery.fetch(bundle, trust, self._where)
            case do.LeaveBundle():
                self._delivery.leave()
            case do.LookAtLock() | do.FreeLock() | do.RunHooks() | do.LeaveHooks():
                return self._guard(effect)
            case do.Switch(installed, good):
                return self._switch(installed, good)
            case do.Establish(installed):
                self._establish(installed)
            case do.WriteLive(installed):
                return [self._put_in_force(installed), self.live_seen()]
            case do.LoadLive(fallback):
                return self.load_live(fallback)
            case do.LookAtLive():
                return [self.live_seen()]
            case do.LookAtHealth(every_seconds):
                return [self._look_at_health(every_seconds)]
            case do.ReadLogs(request_id, lines):
                return [ev.LogsRead(request_id=request_id, lines=self._around.logs(lines))]
            case do.Prune(releases, blobs, bundles):
                slots.prune(SlotKind.RELEASES, releases)
                slots.prune(SlotKind.BLOBS, blobs)
                self._code.slots.prune(bundles)
                self._code.keep_room()
            case do.Log(level, text):
                logger.log(logging.getLevelNamesMapping().get(level.upper(), logging.INFO), "%s", text)
            case _:
                assert_never(effect)
        return []

    def leave_hooks(self) -> None:
        """End the hooks that run: the agent stops."""
        if self._guards is not None:
            self._guards.leave()

    def _guard(self, effect: do.LookAtLock | do.FreeLock | do.RunHooks | do.LeaveHooks) -> list[ev.Event]:
        guards = self._guards
        match effect:
            case do.LookAtLock(take):
                return [ev.LockSeen(holder=None) if guards is None else guards.look_at_lock(take)]
            case do.RunHooks(number=number):
                return [ev.HooksEnded(number=number)] if guards is None else guards.run(effect)
            case do.FreeLock() if guards is not None:
                guards.free_lock()
            case do.LeaveHooks() if guards is not None:
                guards.leave()
        return []

    def _use_link(self, link: Whereabouts | None, candidate: bool) -> None:
        self._where = self._around.enrolled if link is None else link
        self.candidate = self._where if candidate else None
        self._link.go_to(self._where)

    def _looked(self, release: Digest | None, blob: Digest | None) -> ev.Looked:
        data = None
        if release is not None:
            data = self._slots.read(SlotKind.RELEASES, release)
        elif blob is not None:
            data = self._slots.read(SlotKind.BLOBS, blob)
        return ev.Looked(release=release, blob=blob, data=data)

    def _fetch(self, topic: str) -> None:
        self._put(ev.FetchedOverHttp(topic=topic, data=self._around.fetch(self._where, topic)))

    def _stage(self, installed: Installed, data: bytes) -> ev.Event:
        try:
            self._validated(data, installed.format)
        except ConfigError as why:
            return ev.StageFailed(code=Cause.INVALID, detail=str(why))
        self._slots.keep(SlotKind.BLOBS, installed.file, data)
        return ev.Staged()

    def _switch(self, installed: Installed, good: Installed) -> list[ev.Event]:
        """The launcher knows first: whatever happens from here on, it finds a code that starts."""
        try:
            if not self._code.put_in_force(installed.slot, good.slot):
                missing = f"bundle {str(installed.slot)[:12]}… is not in its slot"
                return [ev.SwitchFailed(code=Cause.DISK, detail=missing, lost=True)]
        except DiskError as why:
            return [ev.SwitchFailed(code=Cause.DISK, detail=str(why))]
        if not self._code.runs:
            return self._give_way(installed)
        return [self._put_in_force(installed), self.live_seen()]

    def _establish(self, installed: Installed) -> None:
        """Where other code runs than what is committed (the launcher's file was lost), that code takes over."""
        self._code.establish(installed.slot)
        if not self._code.runs and self._around.start_again is not None:
            logger.warning("other code runs than what is committed: the agent starts again")
            self._around.start_again()

    def _give_way(self, installed: Installed) -> list[ev.Event]:
        """Another code must run: the live file is laid ready for it, and this process ends."""
        if self._around.start_again is None:
            return [ev.SwitchFailed(code=Cause.BUNDLE, detail="the agent was not started by its launcher")]
        data = self._slots.read(SlotKind.BLOBS, installed.file)
        if data is None:
            return [ev.SwitchFailed(code=Cause.DISK, detail=f"its file {installed.file[:12]}… is not in the store")]
        try:
            self._live.put(data)
        except DiskError as why:
            return [ev.SwitchFailed(code=Cause.DISK, detail=str(why))]
        logger.info("the agent starts again, with the code of %s", installed.slot or "the installed package")
        self._around.start_again()
        return []

    def _put_in_force(self, installed: Installed) -> ev.Event:
        try:
            data = self._slots.read(SlotKind.BLOBS, installed.file)
            if data is None:
                return ev.SwitchFailed(code=Cause.DISK, detail=f"its file {installed.file[:12]}… is not in the store")
            config, values = self._validated(data, installed.format)
            self._live.put(data)
            self._around.apply(config.effective(values))
        except DiskError as why:
            return ev.SwitchFailed(code=Cause.DISK, detail=str(why))
        except (ConfigError, ApplyError) as why:
            return ev.SwitchFailed(code=Cause.SWITCH, detail=str(why))
        self.unusable = None
        return self._switched(config)

    def load_live(self, fallback: Installed) -> list[ev.Event]:
        """Rule 15: load the live file if it validates, else write what was committed back first."""
        try:
            found = self.read_live()
            if found is None:
                raise refuse("", "there is no file")
            config, values = self._validated(found)
            effective = config.effective(values)
        except ConfigError as why:
            logger.warning("the live config cannot be used (%s): the last good one is put back", why)
            back = self._put_in_force(fallback)
            if isinstance(back, ev.SwitchFailed):
                logger.error("the last good config cannot be put back: %s", back.detail)
                self.unusable = f"no config can be loaded: {back.detail}"
            return [self.live_seen()]
        self.unusable = None
        try:
            self._around.apply(effective)
        except ApplyError as why:
            logger.error("%s", why)  # the file is right, the machine is not: health says so
        return [self.live_seen()]

    def live_seen(self) -> ev.LiveSeen:
        """The live file as it is now."""
        data = self.read_live()
        try:
            config = None if data is None else Config.from_bytes(data)
        except ConfigError:
            config = None
        effective_hash, values = (None, {}) if config is None else self._measured(config)
        return ev.LiveSeen(data=data, effective_hash=effective_hash, values=values)

    def read_live(self) -> bytes | None:
        """Its bytes; none if it is not there or cannot be read."""
        try:
            return self._live.read()
        except DiskError as why:
            logger.error("%s", why)
            return None

    def _validated(self, data: bytes, format: ConfigFormat | None = None) -> tuple[Config, Values]:
        """A config, and the values that it was found valid with; ConfigError."""
        config = Config.from_bytes(data, format)
        values = self._around.values(config.references())
        config.validate(values)
        return config, values

    def _switched(self, config: Config) -> ev.Event:
        effective_hash, values = self._measured(config)
        return ev.Switched(effective_hash=effective_hash, values=values)

    def _measured(self, config: Config) -> tuple[str | None, dict[str, str]]:
        """The effective hash, and the digests of what comes from outside the file; none while something is unset."""
        try:
            values, key = self._around.values(config.references()), self._around.device_key
            return config.effective_hash(values, key), config.hidden_digests(values, key)
        except ConfigError:
            return None, {}

    def _look_at_health(self, every_seconds: float) -> ev.Event:
        self.health_every_seconds = every_seconds
        return ev.HealthSeen(self._around.health())

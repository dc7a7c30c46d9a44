"""`EdgeAgent`: wires config, sensors, queue, health, updater and link into one running device."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pyv_edge_agent import hardware
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueError
from pyv_edge_agent.config import Config
from pyv_edge_agent.control import ControlError, ControlServer
from pyv_edge_agent.core.aim import CAN_BUNDLE
from pyv_edge_agent.core.brain import wake
from pyv_edge_agent.core.device import Device, Facts, Limits
from pyv_edge_agent.core.events import Arrived
from pyv_edge_agent.core.pulse import Part
from pyv_edge_agent.core.telling import fleet_facts, report_of
from pyv_edge_agent.daily import DailyWork, Place
from pyv_edge_agent.delivery import Route
from pyv_edge_agent.disk.atomic import DiskError, private_dir, read_bytes, write_durably
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.history import History
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.live import LiveFile
from pyv_edge_agent.disk.slots import Slots
from pyv_edge_agent.enrolled import Enrolled, proof_to_keep, read_enrolled, read_server_ca, read_trust, with_join
from pyv_edge_agent.guarding import GuardPlace
from pyv_edge_agent.installed import agent_version
from pyv_edge_agent.keepsakes import mend
from pyv_edge_agent.link.choosing import LinkKind, make_link
from pyv_edge_agent.link.fetching import fetch_topic
from pyv_edge_agent.link.interface import Link, Passport
from pyv_edge_agent.locking import AgentRunning, take_lock
from pyv_edge_agent.logs import AgentLog
from pyv_edge_agent.parcel import ask_parcel, standing, take_parcel
from pyv_edge_agent.performer import Disk, Surroundings
from pyv_edge_agent.provision import known_device_id
from pyv_edge_agent.pulse import Pulse
from pyv_edge_agent.relaunch import running_code
from pyv_edge_agent.renewal import Renewal
from pyv_edge_agent.secrecy import Secrecy
from pyv_edge_agent.state_dir import DEFAULT, StateDir, environment_of
from pyv_edge_agent.updater import OTAUpdater, read_memory
from pyv_edge_agent.values import secrets_among, values_of
from pyv_edge_agent.verbs import Verbs
from pyv_edge_agent.watch import FileWatch
from pyvorin_edge import topics
from pyvorin_edge.cadence import RECONNECT_MAX_SECONDS
from pyvorin_edge.config.problem import refuse
from pyvorin_edge.config.variables import Reference, Values
from pyvorin_edge.identity import DeviceId, device_id_of
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.turns import CAN_TURNS
from pyvorin_edge.vocabulary import Clock as ClockWord

logger = logging.getLogger(__name__)

CAPS: Final = ("config", CAN_TURNS)
_NOWHERE: Final = Whereabouts()


class AgentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How this process runs; nothing here comes from a config that the fleet could change."""

    health_host: str = "127.0.0.1"
    #: before the config's port
    health_port: int | None = None
    #: bind to another address than loopback
    health_allow_remote: bool = False
    #: take parcels at POST /config/reload
    allow_config_reload: bool = False
    #: how the fleet is reached
    link: LinkKind = LinkKind.AUTO
    #: what applications lock to put updates off; none = in the state directory
    update_lock: Path | None = None
    #: the operator's word on the clock, before the machine's
    clock: ClockWord | None = None
    limits: Limits = Limits()
    #: end this process and start the code that is in force; none = no launcher started it, so none can
    start_again: Callable[[], None] | None = None
    #: the longest delay between two tries to connect
    reconnect_seconds_max: float = RECONNECT_MAX_SECONDS


class EdgeAgent:
    """The article's agent. `start` and `stop` may be called again; what was read and queued is never lost."""

    def __init__(
        self,
        config_path: str | Path | None = None,
        state_dir: str | Path | None = None,
        options: AgentOptions | None = None,
    ) -> None:
        """Nothing is opened before `start`. Without `state_dir` it is the config's directory, without both the
        system's."""
        home = Path(state_dir) if state_dir else Path(config_path).parent if config_path else DEFAULT
        self._place = StateDir(home.absolute())
        self._config_path = Path(config_path).absolute() if config_path else self._place.config
        self._options = options or AgentOptions()
        self._clock = Clock(self._options.clock)
        #: where its threads say that they turn, for a watchdog
        self.pulse = Pulse()
        self._queue: CloudSyncQueue | None = None
        self._secrecy = Secrecy()
        self._log = AgentLog(scrub=self._secrecy.scrub)
        self._lock: int | None = None
        self._updater: OTAUpdater | None = None
        self._daily: DailyWork | None = None
        self._watch: FileWatch | None = None
        self._control: ControlServer | None = None
        self._running = False
        self._renewal: Renewal | None = None

    @property
    def is_running(self) -> bool:
        """Whether `start` came to its end and `stop` has not begun."""
        return self._running

    @property
    def updater(self) -> OTAUpdater:
        """The updater of the running agent; RuntimeError before `start`."""
        if self._updater is None:
            raise RuntimeError("the agent does not run")
        return self._updater

    def health(self) -> dict[str, Any]:
        """The whole /health document; RuntimeError before `start`."""
        if self._daily is None:
            raise RuntimeError("the agent does not run")
        return self._daily.document()

    def start(self) -> None:
        """Start all parts; nothing if it runs. ConfigError, DiskError, LinkError, TrustError, IdentityError,
        AgentRunning, EnvFileError: what a person can mend, each in one sentence; then nothing is left running."""
        if self.is_running:
            return
        private_dir(self._place.root)
        self._take_lock()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop within five seconds: the last readings are in the queue, the fleet was told goodbye."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.stop()
        self._running = False
        control, self._control = self._control, None
        watch, self._watch = self._watch, None
        updater, self._updater = self._updater, None
        daily, self._daily = self._daily, None
        if control is not None:
            control.stop()
        if watch is not None:
            watch.stop()
        if updater is not None:
            updater.stop(within_seconds=2.5)
        if daily is not None:
            daily.stop()
        self._log.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secure(self) -> None:
        """Write what is queued to disk, whatever part hangs: for the last moment of a process. QueueError."""
        if self._queue is not None:
            self._queue.close()

    def reload_config(self) -> None:
        """SIGHUP: load the live file if it validates, else the last good one is put back; the queue stays (rule 15)."""
        self.updater.reload()

    def _start(self) -> None:
        self._log.configure({"level": "INFO", "format": "json"})
        journal = Journal(self._place.root)
        mend(self._place, journal)
        memory = read_memory(journal)
        enrolled = read_enrolled(self._place)
        if enrolled is not None:
            memory = with_join(memory, enrolled.join)
        if memory.committed is None:
            self._check_first_config()
        device_id = self._device_id()
        facts = Facts(
            device_id=device_id,
            agent_version=agent_version(),
            caps=CAPS if self._options.start_again is None else (*CAPS, CAN_BUNDLE),
            enrolled_link=enrolled.whereabouts if enrolled is not None else None,
            guarded=True,
            limits=self._options.limits,
        )
        device = wake(facts, memory, read_trust(self._place, memory.trust))
        self._keep_proof(memory.trust)
        key = self._device_key()
        synced = self._clock.is_synced
        self._queue = queue = CloudSyncQueue(self._place.queue, device_id=device_id, synced=synced, patient=True)
        self._daily = DailyWork(self._daily_place(device_id, key, enrolled), queue, self._clock, self._log, self.pulse)
        self._updater = self._make_updater(device, journal, key, enrolled)
        self._updater.start(secrets.token_hex(8), hardware.machine_boot_id())
        if enrolled is not None and device.assignment is None:
            self._updater.put(Arrived(topics.assignment(device_id), enrolled.join.assignment.encode("utf-8"), True))
        if enrolled is not None:
            self._renewal = self._renew(self._updater, enrolled.whereabouts)
        self._watch = self._watch_config(self._updater)
        self._control = self._listen()
        self._running = True
        logger.info("%s started (%s)", device_id, facts.agent_version)

    def _listen(self) -> ControlServer | None:
        """None where no socket can be made, on a read-only card: the device works on, and cannot be asked."""
        try:
            control = ControlServer(self._place.socket, self._verbs())
        except OSError as why:
            logger.error("%s: cannot be made: %s; commands cannot ask this agent", self._place.socket, why.strerror)
            return None
        control.start()
        return control

    def _keep_proof(self, documents: tuple[bytes, ...]) -> None:
        """What was verified is not verified again at each start: python-tuf costs 2 MiB for as long as we run."""
        proof = proof_to_keep(self._place, documents)
        if proof is not None:
            with contextlib.suppress(DiskError):  # full: then the next start verifies again
                write_durably(self._place.trust_proof, proof)

    def _make_updater(self, device: Device, journal: Journal, key: bytes, enrolled: Enrolled | None) -> OTAUpdater:
        daily = self._daily
        assert daily is not None  # made just before
        where = enrolled.whereabouts if enrolled is not None else _NOWHERE
        around = Surroundings(
            apply=daily.apply,
            health=daily.health,
            logs=self._log.lines.last,
            values=self._values,
            fetch=lambda link, topic: fetch_topic(link, self._passport(), topic) if link.http else None,
            device_key=key,
            enrolled=where,
            start_again=self._options.start_again,
            route=Route(self._passport, lambda: daily.download_bytes_per_second),
            guards=GuardPlace(
                update_lock=self._options.update_lock or self._place.update_lock,
                hooks=self._place.hooks,
                live=self._config_path,
                device_id=device.facts.device_id,
                lock_seconds_max=lambda: daily.lock_seconds_max,
                scrub=self._secrecy.scrub,
            ),
        )
        bundles = BundleSlots(self._place.root)
        bundles.sweep()
        code = CodeInForce(self._place.root, bundles, running_code())
        code.keep_room()
        disk = Disk(journal, Slots(self._place.store), LiveFile(self._config_path), code, History(self._place.root))
        beat = self.pulse.beat(Part.UPDATER)
        return OTAUpdater(device, disk, self._make_link(device, where), around, self._clock, beat)

    def _make_link(self, device: Device, where: Whereabouts) -> Link:
        return make_link(
            self._options.link,
            device.memory.state.link or where,
            self._passport,
            clock_ms=self._clock.wall_ms,
            pace=device.pace,
            delay_seconds_max=self._options.reconnect_seconds_max,
        )

    def _renew(self, updater: OTAUpdater, enrolled: Whereabouts) -> Renewal:
        def now_ms() -> int:
            now = self._clock.now()
            return now.wall_ms if now.synced else updater.device.memory.state.time_bound

        made = Renewal(
            updater.device.facts.device_id,
            self._passport,
            where=lambda: updater.device.memory.state.link or enrolled,
            now_ms=now_ms,
            keep=lambda pem: write_durably(self._place.credentials.certificate, pem),
        )
        made.start()
        return made

    def _passport(self) -> Passport:
        return Passport(self._place.credentials, read_server_ca(self._place), lambda: self._clock.now().synced)

    def _daily_place(self, device_id: DeviceId, key: bytes, enrolled: Enrolled | None) -> Place:
        return Place(
            state=self._place,
            device_id=device_id,
            device_key=key,
            health_host=self._options.health_host,
            health_port=self._options.health_port,
            allow_remote=self._options.health_allow_remote,
            fleet_origins=enrolled.origins if enrolled is not None else frozenset(),
            reload=self._take_parcel if self._options.allow_config_reload else None,
            fleet=self._fleet,
            trouble=self._trouble,
            secrecy=self._secrecy,
        )

    def _watch_config(self, updater: OTAUpdater) -> FileWatch | None:
        try:
            return FileWatch(self._config_path, updater.look_at_live)
        except OSError as why:  # out of inotify watches, say
            logger.error("the config cannot be watched (%s): edits are seen at the next start or SIGHUP", why)
            return None

    def _device_id(self) -> DeviceId:
        """The one of provisioning; else of the hardware, and then kept: not every source is readable each time."""
        known = known_device_id(self._place.root)
        if known is not None:
            return known
        found = device_id_of(hardware.serial_of().value)
        write_durably(self._place.device_id, f"{found}\n".encode())
        return found

    def _device_key(self) -> bytes:
        """A key for hiding values in hashes, from the device's own; without one, a random one of this start."""
        private = read_bytes(self._place.credentials.key)
        if private is None:
            return secrets.token_bytes(32)
        return hashlib.sha256(b"pyvorin-edge hidden values\0" + private).digest()

    def _check_first_config(self) -> None:
        """Before anything ever ran here: the provisioned config must be one. ConfigError with every problem."""
        data = LiveFile(self._config_path).read()
        if data is None:
            raise refuse("", f"there is no config at {self._config_path}: provision, or name one with --config")
        environment_of(self._place.env, os.environ)  # a broken file is told now, also if nothing refers to it
        config = Config.from_bytes(data)
        config.validate(self._values(config.references()))

    def _values(self, references: Sequence[Reference]) -> Values:
        """What they stand for here; those that are secret are never said aloud from now on."""
        values = values_of(references, self._place, os.environ)
        self._secrecy.learn(secrets_among(references, values))
        return values

    def _fleet(self) -> Mapping[str, Any]:
        if self._updater is None:
            return {}
        facts, validity = fleet_facts(self._updater.device), self._renewal.validity if self._renewal else None
        if validity is not None:
            facts["certificate"] = {"not_after": validity.not_after / 1000}  # float seconds, as the article has them
        return facts

    def _trouble(self) -> str | None:
        updater = self._updater
        return None if updater is None else updater.trouble or updater.unusable or updater.rescued

    def _take_parcel(self, data: bytes, authorization: str | None) -> tuple[int, str]:
        return take_parcel(self.updater, data)

    def _take_lock(self) -> None:
        try:
            self._lock = take_lock(self._place.lock)
        except OSError as why:
            raise DiskError(self._place.lock, "lock", why) from None

    def _verbs(self) -> dict[str, Any]:
        known = Verbs(self.updater, self.health, self._hidden_lines, self.reload_config, self._config_path)
        return {
            **known.all(),
            "flush": lambda args: self._flush(),
            "parcel": lambda args: ask_parcel(self.updater, args),
            "standing": lambda args: standing(self.updater.device),
            "report": lambda args: msgspec.to_builtins(report_of(self.updater.device, self._clock.wall_ms())),
        }

    def _flush(self) -> dict[str, Any]:
        if self._daily is None:
            raise ControlError("the agent is stopping")
        return self._daily.flush()

    def _hidden_lines(self, count: int) -> tuple[str, ...]:
        """The last log lines, without what this process's own environment holds: only it knows that."""
        from pyv_edge_agent.support.hiding import Hider
        from pyv_edge_agent.support.known import known_secrets

        hider = Hider(known_secrets(self._place, self._config_path, os.environ))
        lines = self._log.lines.last(count)
        return tuple(hider.hidden(line.encode("utf-8", "replace")).decode("utf-8", "replace") for line in lines)


__all__ = ["AgentOptions", "AgentRunning", "DiskError", "EdgeAgent", "QueueError"]

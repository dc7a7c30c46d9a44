"""The agent's daily work: sensors through the privacy firewall into the queue and up; and its `/health` (article)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pyv_edge_agent.clock import Clock
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueError
from pyv_edge_agent.cloud_sync.settings import settings_of, uploader_of
from pyv_edge_agent.cloud_sync.uploader import HTTPCloudUploader
from pyv_edge_agent.core.pulse import Part
from pyv_edge_agent.hardware import seed_of
from pyv_edge_agent.health.document import (
    REASON_LETTERS_MAX,
    Agent,
    Ingest,
    Privacy,
    cloud_of,
    health_document,
    status_of,
)
from pyv_edge_agent.health.figures import SystemFigures
from pyv_edge_agent.health.server import HealthServer, HealthServerError, Reload
from pyv_edge_agent.logs import AgentLog
from pyv_edge_agent.measuring import SECTIONS, Measured, Measuring
from pyv_edge_agent.performer import ApplyError
from pyv_edge_agent.privacy_firewall.engine import PrivacyFirewall
from pyv_edge_agent.pulse import Pulse
from pyv_edge_agent.secrecy import Secrecy
from pyv_edge_agent.sensing.pipeline import Outgoing
from pyv_edge_agent.sensors.interface import SensorError
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge.vocabulary import HealthStatus

logger = logging.getLogger(__name__)

FLUSH_LOOK_SECONDS: Final = 1.0
UPLOAD_JOIN_SECONDS: Final = 1.0
FLUSH_ANSWER_SECONDS: Final = 30.0
#: A round of uploads is bounded by its timeouts, over slow links in minutes; after this one it is stuck.
UPLOAD_SECONDS_MAX: Final = 600.0


class Place(msgspec.Struct, frozen=True):
    """Where the agent lives, and who it is."""

    state: StateDir
    device_id: str
    device_key: bytes
    health_host: str
    #: before the config's port; none = the config's
    health_port: int | None
    allow_remote: bool
    #: origins, `host:port`, that are served under the fleet's own CA
    fleet_origins: frozenset[str]
    reload: Reload | None
    #: the `fleet` part of /health
    fleet: Callable[[], Mapping[str, Any]]
    #: why orders cannot be made durable just now (a full disk), or no config loaded (a lost secret); none = they can
    trouble: Callable[[], str | None] = lambda: None
    #: what must not be said in /health or an error
    secrecy: Secrecy = msgspec.field(default_factory=Secrecy)


class DailyWork:
    """Each section of the config has its part; a part is restarted only when its section changed. The queue stays."""

    def __init__(
        self, place: Place, queue: CloudSyncQueue, clock: Clock, log: AgentLog, pulse: Pulse | None = None
    ) -> None:
        """Nothing runs before `apply`. `pulse`: where its threads say that they turn."""
        self._place = place
        self._clock = clock
        self._log = log
        self._figures = SystemFigures(place.state.root)
        self._queue = queue
        self._pulse = pulse or Pulse()
        self._sections: dict[str, Any] = {}
        self._privacy = PrivacyFirewall((), device_key=place.device_key)
        self._measuring = Measuring(
            clock,
            seed=seed_of(place.device_id),
            clear=lambda name, value, metadata: self._privacy.clear(name, value, metadata),
            deliver=self._queue_up,
            pulse=self._pulse,
        )
        self._server: HealthServer | None = None
        self._uploader: HTTPCloudUploader | None = None
        self._ending = threading.Event()
        self._flusher: threading.Thread | None = None
        self._stopping = False
        #: why a part could not be started; the agent is unhealthy while there is one
        self.problem: str | None = None

    @property
    def queue(self) -> CloudSyncQueue:
        """The outbound queue, the same for the agent's whole life."""
        return self._queue

    @property
    def download_bytes_per_second(self) -> int:
        """How fast bundles may be fetched; 0 = no limit."""
        return int(self._sections.get("update", {}).get("download_bytes_per_second", 0))

    @property
    def lock_seconds_max(self) -> float:
        """How long an update waits for the update lock; 0 = until it is let go."""
        return float(self._sections.get("update", {}).get("lock_seconds_max", 0))

    def apply(self, effective: Mapping[str, Any]) -> None:
        """Put an effective, validated document in force: restart what its sections affect. ApplyError names the first
        part that could not be; the others run."""
        takers: dict[str, Callable[[Any], None]] = {
            "logging": self._log.configure,
            "privacy": self._take_privacy,
            "cloud": self._take_cloud,
            "rules": self._measuring.take_rules,
            "sensors": self._measuring.take_sensors,
            "health": self._take_health,
            "update": lambda section: None,  # read where it is obeyed
        }
        sections = {**effective, "rules": {name: effective[name] for name in SECTIONS}}
        failed = [why for name, take in takers.items() if (why := self._taken(name, sections[name], take))]
        self.problem = failed[0] if failed else None
        if failed:
            raise ApplyError("; ".join(failed))

    def document(self) -> dict[str, Any]:
        """The whole /health document, as the server shows it."""
        return self._scrubbed(self._place.fleet())

    def health(self) -> dict[str, Any]:
        """The same without `fleet`: what the gate looks at and reports carry."""
        return self._scrubbed(None)

    def flush(self) -> dict[str, Any]:
        """Upload what waits now, whatever the time is: how many were sent and are left, and what went wrong.

        It answers within 30 seconds; what takes longer goes on.
        """
        uploader = self._uploader
        if uploader is None:
            return {"sent": 0, "left": self._queue.pending_count(), "problem": "cloud.enabled is false"}
        sent: list[int] = []
        thread = threading.Thread(target=lambda: sent.append(self._queue.flush(uploader)), name="flush", daemon=True)
        thread.start()
        thread.join(FLUSH_ANSWER_SECONDS)
        left = self._queue.pending_count()
        return {"sent": sum(sent), "left": left, "problem": uploader.last_error if left else None}

    def stop(self) -> None:
        """Stop every part; what was read is in the queue's file when this returns."""
        self._stopping = True
        self._measuring.stop()
        self._ending.set()
        if self._uploader is not None:
            self._uploader.abort()
        if self._flusher is not None:
            self._flusher.join(UPLOAD_JOIN_SECONDS)
        try:
            self._queue.close()
        except QueueError as why:
            logger.error("%s", why)
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _taken(self, name: str, section: Any, take: Callable[[Any], None]) -> str | None:
        """Why the section could not be put in force; none if it was, or was already."""
        if self._sections.get(name) == section:
            return None
        self._sections.pop(name, None)
        try:
            take(section)
        except (SensorError, HealthServerError, QueueError, ValueError, OSError) as why:
            return self._place.secrecy.scrub(f"{name}: {why}")
        self._sections[name] = section
        return None

    def _take_privacy(self, section: Mapping[str, Any]) -> None:
        self._privacy = PrivacyFirewall.from_document(section, device_key=self._place.device_key)
        self._measuring.forget()

    def _take_cloud(self, section: Mapping[str, Any]) -> None:
        self._queue.configure(settings_of(section))
        self._uploader = self._uploader_of(section) if section["enabled"] else None
        try:
            self._queue.forgive()  # what failed may have failed for the former endpoint or key
        except QueueError as why:  # a full disk is told of by the queue's figures, and no reason to refuse a config
            logger.error("%s", why)
        if self._uploader is not None and self._flusher is None:
            self._flusher = threading.Thread(target=self._flush, name="uploader", daemon=True)
            self._flusher.start()

    def _uploader_of(self, section: Mapping[str, Any]) -> HTTPCloudUploader:
        return uploader_of(
            section,
            self._place.device_id,
            fleet_origins=self._place.fleet_origins,
            server_ca=self._place.state.server_ca,
            clock=self._clock.wall_seconds,
        )

    def _take_health(self, section: Mapping[str, Any]) -> None:
        before, self._server = self._server, None
        if before is not None:
            before.stop()
        if section["enabled"]:
            server = HealthServer(
                self._place.health_host,
                self._place.health_port if self._place.health_port is not None else section["port"],
                document=self.document,
                reload=self._place.reload,
                allow_remote=self._place.allow_remote,
            )
            server.start()
            self._server = server

    def _queue_up(self, item: Outgoing) -> None:
        if self._uploader is None:
            return
        body = {"device_id": self._place.device_id, **item.body}
        try:
            self._queue.enqueue(body, item.fate.priority, item.fate.ttl_seconds)
        except QueueError as why:
            logger.error("sensor %s: not queued: %s", item.label.sensor_name, why)

    def _flush(self) -> None:
        beat = self._pulse.beat(Part.UPLOADER)
        while not self._ending.wait(FLUSH_LOOK_SECONDS):
            beat(UPLOAD_SECONDS_MAX)
            uploader = self._uploader
            if uploader is None:
                continue
            try:
                self._queue.maybe_flush(uploader)
            except QueueError as why:
                logger.error("%s", why)
            except Exception:  # the loop's edge: one bad batch must not end all uploads
                logger.exception("uploading failed")

    def _scrubbed(self, fleet: Mapping[str, Any] | None) -> dict[str, Any]:
        document: dict[str, Any] = self._place.secrecy.scrub_document(self._document(fleet))
        return document

    def _document(self, fleet: Mapping[str, Any] | None) -> dict[str, Any]:
        measured = self._measuring.measured()
        cloud = self._sections.get("cloud", {})
        privacy = self._privacy.figures()
        ingest = _ingest(measured)
        queue = self._queue_figures()
        trouble = self._place.trouble() or queue.get("problem")
        return health_document(
            self._status(ingest, trouble),
            reasons=[why for why in (self.problem, trouble) if why is not None],
            metrics=self._figures.read(),
            agent=Agent(
                running=not self._stopping,
                buffer_count=measured.buffer_count,
                readings_processed=measured.readings_processed,
                events_triggered=measured.events_triggered,
                rules_undecided=measured.rules_undecided,
                policy_left_out=measured.policy_left_out,
            ),
            cloud=cloud_of(queue, cloud.get("endpoint", "")),
            privacy=Privacy(
                enabled=privacy.enabled,
                rules_active=privacy.rules_active,
                fields_redacted=privacy.fields_redacted,
                fields_hashed=privacy.fields_hashed,
                counts=privacy.counts,
            ),
            ingest=ingest,
            fleet=fleet,
        )

    def _queue_figures(self) -> dict[str, Any]:
        if self._stopping:
            return {}
        try:
            return self._queue.get_stats()
        except QueueError as why:
            return {"problem": str(why)}

    def _status(self, ingest: Ingest, trouble: str | None) -> HealthStatus:
        """By the sensors; a part that could not be started makes the agent unhealthy. Failing uploads do not: that is
        the network's fault, and would make every release fail its gate during an outage; the queue's depth shows it."""
        if self.problem is not None and not self._stopping:
            return HealthStatus.UNHEALTHY
        status = status_of(ingest, starting=not self._sections, stopping=self._stopping)
        if trouble is None:
            return status
        return {HealthStatus.HEALTHY: HealthStatus.DEGRADED, HealthStatus.STARTING: HealthStatus.UNHEALTHY}.get(
            status, status
        )


def _ingest(measured: Measured) -> Ingest:
    return Ingest(
        adapters_connected=measured.connected,
        devices_configured=measured.configured,
        readings_refused=measured.readings_refused,
        readings_dropped=measured.readings_dropped,
        failures={name: why[:REASON_LETTERS_MAX] for name, why in measured.failures.items()},
    )

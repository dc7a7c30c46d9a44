"""What a device without MQTT carries to the controller and fetches there, beside its long poll, one by one."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.link.fetching import path_of
from pyv_edge_agent.link.http import HttpRefused
from pyv_edge_agent.link.interface import LinkError, Listener
from pyv_edge_agent.link.line import Line

logger = logging.getLogger(__name__)

#: what waits to be carried; beyond, it is dropped: the next report says all anew
WAITING_MAX: Final = 100
AGAIN_SECONDS: Final = 5.0
AGAIN_SECONDS_MAX: Final = 60.0
ANSWER_BYTES_MAX: Final = 64 * 1024
#: a report that is refused so is not sent again, and no reason to leave: it is this report that is at fault
_UNFIT: Final = frozenset({400, 413, 422})

Errand = Callable[[], None]


class Errands:
    """One thread and one connection. What the network fails at ends the session; what is not there is asked again."""

    def __init__(
        self,
        line: Line,
        device_id: str,
        listener: Listener,
        *,
        failed: Callable[[LinkError], None],
        saw_etag: Callable[[str | None], None],
    ) -> None:
        self._line = line
        self._report_path = f"/v1/devices/{device_id}/report"
        self._listener = listener
        self._failed = failed
        self._saw_etag = saw_etag
        self._waiting: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        #: topic → when it is asked for again (monotonic), and the delay before that
        self._wanted: dict[str, tuple[float, float]] = {}
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """End what is under way, and all that waits."""
        self._waiting.put(None)
        self._line.cut()
        if self._thread.is_alive():
            self._thread.join(within_seconds)

    def report(self, payload: bytes, tag: int | None) -> None:
        """Carry a report; the listener is told when the controller has stored it."""
        if self._waiting.qsize() < WAITING_MAX:
            self._waiting.put(lambda: self._post(payload, tag))

    def fetch(self, topic: str) -> None:
        """Fetch what a topic holds, and ask again while it is not there."""
        with self._lock:
            self._wanted[topic] = (0.0, AGAIN_SECONDS)
        self._waiting.put(self._fetch_due)

    def forget(self, topic: str) -> None:
        """It is wanted no more."""
        with self._lock:
            self._wanted.pop(topic, None)

    def _run(self) -> None:
        while True:
            try:
                errand = self._waiting.get(timeout=self._until_due())
            except queue.Empty:
                errand = self._fetch_due
            if errand is None:
                self._line.close()
                return
            try:
                errand()
            except LinkError as why:
                self._failed(why)
                return
            except Exception as why:  # the thread's edge: the visit ends too, and another begins
                logger.exception("an errand broke")
                self._failed(LinkError(f"an errand broke: {type(why).__name__}"))
                return

    def _until_due(self) -> float | None:
        with self._lock:
            due = min((at for at, _ in self._wanted.values()), default=None)
        return None if due is None else max(0.0, due - time.monotonic())

    def _post(self, payload: bytes, tag: int | None) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._line.request("POST", self._report_path, payload, headers, limit_bytes=ANSWER_BYTES_MAX)
        except HttpRefused as why:
            if why.status not in _UNFIT:
                raise
            logger.error("a report was refused: %s", why)
            return
        if tag is not None:
            self._listener.delivered(tag)
        self._saw_etag(answer.etag)

    def _fetch_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [topic for topic, (at, _) in self._wanted.items() if at <= now]
        for topic in due:
            self._fetch(topic)

    def _fetch(self, topic: str) -> None:
        path, limit_bytes = path_of(topic)
        try:
            body = self._line.request("GET", path, limit_bytes=limit_bytes).body
        except HttpRefused as why:
            logger.log(logging.DEBUG if why.status == 404 else logging.WARNING, "%s was not fetched: %s", topic, why)
            self._put_off(topic, why.retry_after_seconds)
            return
        with self._lock:
            wanted = self._wanted.pop(topic, None) is not None
        if wanted:
            self._listener.arrived(topic, body, True)

    def _put_off(self, topic: str, at_least_seconds: float) -> None:
        with self._lock:
            if topic in self._wanted:
                _, delay = self._wanted[topic]
                at = time.monotonic() + max(delay, at_least_seconds)
                self._wanted[topic] = (at, min(AGAIN_SECONDS_MAX, delay * 2))

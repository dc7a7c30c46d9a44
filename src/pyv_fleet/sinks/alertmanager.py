"""Prometheus' Alertmanager, API v2: it is shown all alerts that hold again and again, and those that ended lately.

It groups, routes and silences by itself. An alert that is not shown any more ends there after four rounds: a controller
that is away for longer says by that that nobody knows.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pyv_fleet.core.notifying import ToldAlert
from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.link.device_http import PollError
from pyv_fleet.link.poller import exchange
from pyv_fleet.sinks.interface import NotTaken
from pyv_fleet.sinks.secrets import Secret
from pyv_fleet.sinks.webhook import place_of

PATH: Final = "/api/v2/alerts"
AT_ONCE: Final = 500
ROUNDS_KEPT: Final = 4
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_OURS: Final = frozenset({"alertname", "severity", "fleet", "subject", "device_id", "code"})


class Alertmanager(msgspec.Struct, frozen=True, kw_only=True):
    """A mirror: see interface.py."""

    name: str
    url: str
    address: PollAddress
    #: before `/api/v2/alerts`
    prefix: str = ""
    token: Secret = Secret()
    least: Severity = Severity.INFO
    every_seconds: int = 60
    timeout_seconds: float = 10.0

    @property
    def place(self) -> str:
        """Scheme, host and port."""
        return place_of(self.url)

    async def show(self, fleet: str, alerts: Sequence[ToldAlert], now_ms: int) -> None:
        """All of them, some hundred at a time; NotTaken."""
        until = now_ms + ROUNDS_KEPT * self.every_seconds * 1000
        headers = {"Content-Type": "application/json", "User-Agent": "pyv-fleet"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token.read()}"
        for start in range(0, len(alerts), AT_ONCE):
            body = msgspec.json.encode([shown(fleet, one, until) for one in alerts[start : start + AT_ONCE]])
            await self._post(headers, body)

    async def _post(self, headers: dict[str, str], body: bytes) -> None:
        try:
            answer = await exchange(
                self.address, b"POST", self.prefix + PATH, seconds=self.timeout_seconds, bytes_max=64 * 1024,
                headers=headers, body=body,
            )  # fmt: skip
        except PollError as why:
            raise NotTaken(why.failure.sentence) from None
        if answer.status != 200:
            raise NotTaken(f"it answered HTTP {answer.status}")


def shown(fleet: str, alert: ToldAlert, until_ms: int) -> dict[str, Any]:
    """An alert as Alertmanager takes it. Its labels are its identity, so nothing that changes stands in them."""
    labels = {_NO_NAME.sub("_", key): value for key, value in alert.labels.items()}
    labels = {(f"label_{key}" if key in _OURS or key[:1].isdigit() else key): value for key, value in labels.items()}
    labels |= {"alertname": alert.name, "severity": alert.severity.value, "fleet": fleet, "subject": alert.subject}
    labels |= {"device_id": alert.device_id} if alert.device_id else {}
    notes = {"summary": f"{alert.name} {alert.subject}".strip(), "description": alert.detail}
    notes |= {"cause": alert.code} if alert.code else {}
    over = alert.resolved_at if alert.state is AlertState.RESOLVED else None
    ends = over or dt.datetime.fromtimestamp(until_ms / 1000, dt.UTC)
    return {
        "labels": {key: value for key, value in labels.items() if value},
        "annotations": notes,
        "startsAt": alert.raised_at,
        "endsAt": ends,
    }

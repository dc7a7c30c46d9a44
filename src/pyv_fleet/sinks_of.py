"""The sinks that the settings name."""

from __future__ import annotations

from pathlib import Path

from pyv_fleet.core.notifying import Timing
from pyv_fleet.core.polling import parse_prometheus_url
from pyv_fleet.engine.outlets import Telling
from pyv_fleet.settings import AlertmanagerSettings, AlertSettings, EmailSettings, WebhookSettings
from pyv_fleet.sinks.alertmanager import Alertmanager
from pyv_fleet.sinks.email import Email
from pyv_fleet.sinks.secrets import Secret
from pyv_fleet.sinks.webhook import Webhook


def telling_of(said: AlertSettings) -> Telling:
    """Who is told, and when. Secrets are read when they are used."""
    return Telling(
        timing=Timing(
            group_by=said.group_by,
            group_wait_seconds=said.group_wait_seconds,
            group_interval_seconds=said.group_interval_seconds,
            repeat_seconds=said.repeat_seconds,
            give_up_seconds=said.give_up_seconds,
        ),
        sinks=(*map(_webhook, said.webhooks), *map(_email, said.emails)),
        mirrors=tuple(map(_alertmanager, said.alertmanagers)),
    )


def _webhook(said: WebhookSettings) -> Webhook:
    return Webhook(
        name=said.name,
        url=said.url,
        hidden_url=_file(said.url_file),
        secret=Secret(file=_path(said.secret_file), variable=said.secret_env),
        least=said.min_severity,
        timeout_seconds=said.timeout_seconds,
    )


def _alertmanager(said: AlertmanagerSettings) -> Alertmanager:
    address, prefix = parse_prometheus_url(said.url)
    return Alertmanager(
        name=said.name,
        url=said.url,
        address=address,
        prefix=prefix,
        token=_file(said.token_file),
        least=said.min_severity,
        every_seconds=said.every_seconds,
        timeout_seconds=said.timeout_seconds,
    )


def _email(said: EmailSettings) -> Email:
    return Email(
        name=said.name,
        host=said.host,
        port=said.port,
        security=said.security,
        sender=said.sender,
        to=said.to,
        user=said.user,
        password=_file(said.password_file),
        least=said.min_severity,
        timeout_seconds=said.timeout_seconds,
    )


def _file(text: str) -> Secret:
    return Secret(file=_path(text))


def _path(text: str) -> Path | None:
    return Path(text) if text else None

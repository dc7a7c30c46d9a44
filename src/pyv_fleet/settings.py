"""`fleet.toml`: the controller's settings, typed; `fleet init` writes it, `serve` reads it. No secret stands in it."""

from __future__ import annotations

import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from pyv_fleet.core.polling import parse_address, parse_prometheus_url
from pyv_fleet.core.words import Severity
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_device_id

FILE: Final = "fleet.toml"
#: SQLite, unless `store.url` names another
STORE: Final = "fleet.db"
_SINK_LISTS: Final = ("webhooks", "alertmanagers", "emails")
Port = Annotated[int, Meta(ge=0, le=65_535)]
Host = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$(?!\n)")]


class SettingsError(Exception):
    """Settings that cannot be used; the message names the file, the field, and what to do."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typo is an error, never a default."""


class ApiSettings(_Section, frozen=True, kw_only=True):
    """The TLS listener: everything."""

    host: Host = "127.0.0.1"
    port: Port = 8443


class PageSettings(_Section, frozen=True, kw_only=True):
    """The plain listener, on loopback alone: page and API, without enrolment and devices' routes."""

    port: Port = 8090
    #: whoever is on this machine may look without a token
    open_on_loopback: bool = False


class BrokerSection(_Section, frozen=True, kw_only=True):
    """The broker: our own mosquitto, or someone else's by URL."""

    mode: Literal["managed", "external"] = "managed"
    host: Host = "127.0.0.1"
    port: Port = 8883
    #: the controller's own listener, always on loopback; 0 = any free one at each start
    controller_port: Port = 0
    #: `mqtts://host[:port]` of an external broker
    url: str = ""
    #: of its listener for the controller, if that has one of its own
    controller_url: str = ""


class BundleSettings(_Section, frozen=True, kw_only=True):
    """Bundles: how large, and how many downloads at the same time."""

    #: bytes of one archive
    max_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024
    #: in all; who comes too many is told to come again
    downloads_max: Annotated[int, Meta(ge=1)] = 64
    #: of one device
    downloads_per_device_max: Annotated[int, Meta(ge=1)] = 2


class StoreSettings(_Section, frozen=True, kw_only=True):
    """Where the controller remembers; empty = SQLite in its home."""

    url: str = ""


class ArticleSettings(_Section, frozen=True, kw_only=True):
    """What the article's own clients may do."""

    #: the channel that is also told on the article's MQTT topics
    channel: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$(?!\n)")] | None = None
    #: who may ask `/v1/golden-hash` and post alerts without credentials
    networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class PolledDevice(_Section, frozen=True, kw_only=True):
    """A device whose `/health` is polled."""

    device_id: str
    #: `http(s)://host:port`, as an operator knows it; https is verified by the system's own authorities
    url: str


class PollerSettings(_Section, frozen=True, kw_only=True):
    """Polls of `/health`: what MQTT calls online and does not answer here needs attention."""

    every_seconds: Annotated[float, Meta(ge=0.5, le=86_400)] = 15.0
    #: for a whole answer
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    devices: tuple[PolledDevice, ...] = ()


class PrometheusSettings(_Section, frozen=True, kw_only=True):
    """Where rollouts' own metrics are asked for; empty = nowhere, and such a metric is then inconclusive."""

    #: `http(s)://host[:port][/prefix]`; https is verified by the system's own authorities
    url: str = ""
    #: for a whole answer
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    #: a file with a bearer token
    token_file: str = ""


class HistorySettings(_Section, frozen=True, kw_only=True):
    """How long the histories of devices and channels are kept, in days."""

    #: every line
    whole_days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    #: how updates ended, what ran, drift, refusals, rollouts
    landmarks_days: Annotated[int, Meta(ge=1, le=3_650)] = 365


SinkName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$(?!\n)")]
TimeLimit = Annotated[float, Meta(ge=0.1, le=60)]


class WebhookSettings(_Section, frozen=True, kw_only=True):
    """A webhook that is told of alerts: a CloudEvent by POST, signed as Standard Webhooks says."""

    name: SinkName
    #: `https://HOST[:PORT]/PATH`; no login in it
    url: str = ""
    #: a file (0600) with the URL, where its path is a secret
    url_file: str = ""
    #: a file (0600) with `whsec_<base64>`, several on lines of their own while one is replaced
    secret_file: str = ""
    #: the environment variable that holds it instead
    secret_env: str = ""
    #: alerts of this severity and graver ones
    min_severity: Severity = Severity.INFO
    #: for a whole exchange
    timeout_seconds: TimeLimit = 10.0


class AlertmanagerSettings(_Section, frozen=True, kw_only=True):
    """A Prometheus Alertmanager that is shown all alerts that hold."""

    name: SinkName
    #: `http(s)://HOST[:PORT][/PREFIX]`
    url: str
    #: a file (0600) with a bearer token
    token_file: str = ""
    every_seconds: Annotated[int, Meta(ge=5, le=600)] = 60
    min_severity: Severity = Severity.INFO
    timeout_seconds: TimeLimit = 10.0


class EmailSettings(_Section, frozen=True, kw_only=True):
    """People who are told by e-mail."""

    name: SinkName
    host: Host
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    #: `tls` from the first byte, or none, which only one's own machine should be
    security: Literal["tls", "starttls", "none"] = "starttls"
    sender: Annotated[str, Meta(min_length=3, max_length=254)]
    to: Annotated[tuple[Annotated[str, Meta(min_length=3, max_length=254)], ...], Meta(min_length=1, max_length=32)]
    user: str = ""
    #: a file (0600)
    password_file: str = ""
    min_severity: Severity = Severity.WARNING
    timeout_seconds: TimeLimit = 10.0


class AlertSettings(_Section, frozen=True, kw_only=True):
    """Who is told of alerts, and when."""

    #: alerts of one name with the same values of these labels are told together
    group_by: Annotated[tuple[str, ...], Meta(max_length=4)] = ("site",)
    #: from a group's first alert until it is told
    group_wait_seconds: Annotated[int, Meta(ge=0, le=3600)] = 30
    #: from one telling of a group to the next
    group_interval_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 300
    #: what still holds and nobody has acknowledged is told again
    repeat_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] = 14_400
    #: a notification is given up after so long, and an alert says so
    give_up_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] = 86_400
    webhooks: tuple[WebhookSettings, ...] = ()
    alertmanagers: tuple[AlertmanagerSettings, ...] = ()
    emails: tuple[EmailSettings, ...] = ()


class Settings(_Section, frozen=True, kw_only=True):
    """All of `fleet.toml`."""

    fleet: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
    #: names and addresses under which devices reach this machine; the first is told to them
    hosts: Annotated[tuple[Host, ...], Meta(min_length=1)] = ("127.0.0.1",)
    api: ApiSettings = ApiSettings()
    page: PageSettings = PageSettings()
    broker: BrokerSection = BrokerSection()
    store: StoreSettings = StoreSettings()
    bundles: BundleSettings = BundleSettings()
    article: ArticleSettings = ArticleSettings()
    poller: PollerSettings = PollerSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    alerts: AlertSettings = AlertSettings()
    history: HistorySettings = HistorySettings()


def read_settings(home: Path) -> Settings:
    """The settings in a controller's home; SettingsError names what is wrong."""
    path = home / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as why:
        raise SettingsError(f"{path}: {why.strerror}; make a controller's home with `pyv-fleet fleet init`") from None
    except UnicodeDecodeError as why:
        raise SettingsError(f"{path}: not UTF-8 at byte {why.start}") from None
    try:
        return parse_settings(text)
    except SettingsError as why:
        raise SettingsError(f"{path}: {why}") from None


def parse_settings(text: str) -> Settings:
    """The settings that `text` says; SettingsError names the field."""
    try:
        found = msgspec.convert(tomllib.loads(text), Settings)
    except tomllib.TOMLDecodeError as why:
        raise SettingsError(f"not TOML: {why}") from None
    except msgspec.ValidationError as why:
        raise SettingsError(str(why).replace("`$.", "`")) from None
    for network in found.article.networks:
        _refuse_bad_network(network)
    if found.broker.mode == "external" and not found.broker.url:
        raise SettingsError("broker.url: is needed where broker.mode is external; write mqtts://HOST[:PORT]")
    _refuse_bad_polls(found.poller.devices)
    _refuse_bad_prometheus(found.prometheus.url)
    _refuse_bad_sinks(found.alerts)
    return found


def settings_text(settings: Settings) -> str:
    """The settings as TOML, every key written out."""
    import tomli_w

    said = _without_none(msgspec.to_builtins(settings))
    # an empty list could not be added to by [[alerts.webhooks]] below it
    said["alerts"] = {key: value for key, value in said["alerts"].items() if key not in _SINK_LISTS or value}
    return tomli_w.dumps(said)


def _refuse_bad_network(network: str) -> None:
    try:
        ip_network(network)
    except ValueError as why:
        raise SettingsError(f"article.networks: {why}") from None


def _refuse_bad_polls(devices: tuple[PolledDevice, ...]) -> None:
    for at, device in enumerate(devices):
        field = "device_id"
        try:
            parse_device_id(device.device_id)
            if device.device_id in (other.device_id for other in devices[:at]):
                raise ValueError(f"{device.device_id} stands here twice")
            field = "url"
            parse_address(device.url)
        except (IdentityError, ValueError) as why:
            raise SettingsError(f"poller.devices[{at}].{field}: {why}") from None


def _refuse_bad_prometheus(url: str) -> None:
    try:
        if url:
            parse_prometheus_url(url)
    except ValueError as why:
        raise SettingsError(f"prometheus.url: {why}") from None


def _refuse_bad_sinks(said: AlertSettings) -> None:
    names = [one.name for one in said.webhooks] + [one.name for one in said.alertmanagers]
    names += [one.name for one in said.emails]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"alerts: the name {twice} stands twice: each sink has its own")
    for at, hook in enumerate(said.webhooks):
        if bool(hook.url) == bool(hook.url_file):
            raise SettingsError(f"alerts.webhooks[{at}]: say one of url and url_file")
        if bool(hook.secret_file) == bool(hook.secret_env):
            raise SettingsError(f"alerts.webhooks[{at}]: say one of secret_file and secret_env")
        _refuse_bad_hook(at, hook.url)
    for at, one in enumerate(said.alertmanagers):
        try:
            parse_prometheus_url(one.url)
        except ValueError:
            raise SettingsError(f"alerts.alertmanagers[{at}].url: write http(s)://HOST[:PORT][/PREFIX]") from None


def _refuse_bad_hook(at: int, url: str) -> None:
    from pyv_fleet.sinks.interface import NotTaken
    from pyv_fleet.sinks.webhook import parse_hook

    try:
        parse_hook(url or "https://in.a.file/")
    except NotTaken as why:
        raise SettingsError(f"alerts.webhooks[{at}].url: {why}") from None


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value


def store_url(settings: Settings, home: Path) -> str:
    """The database's address."""
    return settings.store.url or f"sqlite+aiosqlite:///{home / STORE}"

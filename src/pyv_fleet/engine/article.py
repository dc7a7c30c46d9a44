"""The article's own words: its two MQTT topics, its golden hash, its alerts (PROTOCOL 9)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from typing import Final

import msgspec

from pyv_fleet.core.words import AlertName
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.link.interface import NoLink, Publisher
from pyv_fleet.store import orders as directives
from pyv_fleet.store import releases, rollouts, status
from pyv_fleet.store.orders import DirectiveRecord
from pyvorin_edge import topics
from pyvorin_edge.orders import Rule
from pyvorin_edge.vocabulary import ConfigFormat, LagKind, RuleKind

_ALERT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ConfigUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of the article's config broadcast."""

    version: str
    #: Unix seconds
    timestamp: float
    config_b64: str
    checksum_sha256: str


class RollbackCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of the article's rollback command."""

    command: str
    target_version: str
    #: Unix seconds
    issued_at: float
    nonce: str


class ArticleTopics:
    """Tells the article's listeners of one channel: an observer of directives. Nothing is retained."""

    def __init__(self, ground: Ground, channel: str | None) -> None:
        self._ground = ground
        self._channel = channel
        self._publisher: Publisher = NoLink()

    def publish_through(self, publisher: Publisher) -> None:
        """The way out, once there is one."""
        self._publisher = publisher

    async def ordered(self, directive: DirectiveRecord) -> None:
        """A directive is out: a rollback of the whole channel is commanded once; a release that is the whole channel's
        is broadcast once, but while a rollout judges its last wave only when that was `completed`."""
        whole = _whole(directive)
        if directive.channel != self._channel or directive.foreign or whole is None:
            return
        async with self._ground.database.read() as connection:
            before = await directives.history(connection, directive.channel, 2)
            judging = await rollouts.open_ones(connection, directive.channel)
        previous = _whole(before[1]) if len(before) > 1 and before[0].generation == directive.generation else None
        if previous is not None and _same(previous, whole):
            return
        if whole.kind is RuleKind.ROLLBACK:
            await self._command_rollback(whole)
        elif not judging:
            await self._broadcast(whole)

    async def completed(self, channel: str) -> None:
        """A rollout's last wave was judged good: its release is the whole channel's now."""
        if channel != self._channel:
            return
        async with self._ground.database.read() as connection:
            current = await directives.current(connection, channel)
        whole = None if current is None or current.foreign else _whole(current)
        if whole is not None and whole.kind is RuleKind.RELEASE:
            await self._broadcast(whole)

    async def _broadcast(self, rule: Rule) -> None:
        async with self._ground.database.read() as connection:
            release = await releases.get(connection, rule.release)
            blob = None if release is None else await releases.get_blob(connection, release.config_sha256)
        if release is None or blob is None or release.format is not ConfigFormat.TOML:
            return
        update = ConfigUpdate(
            version=release.version,
            timestamp=self._ground.clock() / 1000,
            config_b64=base64.b64encode(blob).decode("ascii"),
            checksum_sha256=release.config_sha256,
        )
        await self._publisher.publish(topics.ARTICLE_CONFIG, msgspec.json.encode(update), retain=False)

    async def _command_rollback(self, rule: Rule) -> None:
        async with self._ground.database.read() as connection:
            release = await releases.get(connection, rule.release)
        if release is None:
            return
        command = RollbackCommand(
            command="rollback",
            target_version=release.version,
            issued_at=self._ground.clock() / 1000,
            nonce=self._ground.random(8).hex(),
        )
        await self._publisher.publish(topics.ARTICLE_ROLLBACK, msgspec.json.encode(command), retain=False)


class ArticleHttp:
    """The article's two endpoints."""

    def __init__(self, ground: Ground, goldens: Goldens, alerting: Alerting) -> None:
        self._ground = ground
        self._goldens = goldens
        self._alerting = alerting
        #: alerts that were counted and not raised, by name
        self.not_raised: Counter[str] = Counter()

    async def golden_hash(self, device_id: str) -> str | None:
        """What the device's config should hash to; while it is pending within its deadline, what it last committed."""
        async with self._ground.database.read() as connection:
            known = await status.get(connection, device_id)
            if known is None:
                return None
            look = await self._goldens.look_at(connection, [known], self._ground.clock())
            target = look.target(known)
            if look.lag(known, target) is not LagKind.PENDING:
                return look.golden_hash(target)
            if known.status.committed_release is None:
                return known.status.applied_hash
            return await self._goldens.hash_of(connection, known.status.committed_release, known.device)

    async def alert(self, device_id: str, name: str, config_hash: str, *, verified: bool) -> None:
        """Take a device's alert. A `config_drift` that is none, or without a golden, is counted and not raised."""
        if not _ALERT.fullmatch(name):
            why = "alert: letters, digits, '_', '.', '-', at most 64"
            raise Invalid("not an alert", why, (why,))
        golden = await self.golden_hash(device_id)
        if name == AlertName.CONFIG_DRIFT and (golden is None or golden == config_hash):
            self.not_raised[name] += 1
            return
        async with self._ground.database.begin() as connection:
            known = await status.get(connection, device_id)
            if known is None:
                raise NotFound("no such device", device_id)
            detail = _detail(name, config_hash, known.status.applied_hash)
            await self._alerting.raise_alert(connection, name, detail=detail, device_id=device_id, verified=verified)


def _detail(name: str, config_hash: str, applied_hash: str | None) -> str:
    """What a person should know of a script's alert: a late device has the hash of what it last applied."""
    if name == AlertName.CONFIG_DRIFT and config_hash == applied_hash:
        return "said by the device's script; nobody edited it: it lags, its hash is of what it last applied"
    if name == AlertName.CONFIG_DRIFT and not config_hash:
        return "said by the device's script, which could not make a hash of its config"
    return f"said by the device; its config hash is {config_hash[:64]}" if config_hash else "said by the device"


def _whole(directive: DirectiveRecord) -> Rule | None:
    """The rule of a directive that tells all devices the same; none if it does not."""
    return directive.rules[0] if len(directive.rules) == 1 else None


def _same(one: Rule, other: Rule) -> bool:
    return (one.kind, one.release, one.attempt) == (other.kind, other.release, other.attempt)

"""Tokens: enrolment tokens for devices, API tokens for people and programs; shown once, stored as hashes."""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_fleet.core.keys import KeyMade, KeySpec
from pyv_fleet.core.views import TokenMade, TokenSpec
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.errors import Conflict, Invalid
from pyv_fleet.engine.ground import Ground, rfc3339, rfc3339_or_none
from pyv_fleet.store import tokens
from pyv_fleet.store.tokens import ApiTokenRecord, TokenRecord
from pyv_fleet.trust import tokens as making
from pyv_fleet.trust.errors import TokenMalformed
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_device_id, parse_label

LABELS_MAX: Final = 16
CONTROLLER: Final = "controller"
"""The audit log's name for what the controller does by itself."""


class Tokens:
    """Makes tokens and knows whose they are."""

    def __init__(self, ground: Ground, audit: AuditLog, *, server_ca_spki_sha256: str) -> None:
        self._ground = ground
        self._audit = audit
        self._spki = server_ca_spki_sha256

    async def create(self, spec: TokenSpec, actor: str) -> TokenMade:
        """An enrolment token. Invalid for labels or an id out of form, NotFound for an unknown channel."""
        _refuse_out_of_form(spec)
        now = self._ground.clock()
        token = making.new_enrolment_token(self._spki, self._ground.random)
        record = TokenRecord(
            token_id=self._ground.new_id(),
            sha256=making.hash_of(token.text),
            channel=spec.channel,
            labels=spec.labels,
            uses_left=spec.uses,
            expires_at=now + spec.valid_seconds * 1000,
            device_id=spec.device_id,
        )
        async with self._ground.database.begin() as connection:
            await known_channel(connection, spec.channel)
            await tokens.put_enrolment(connection, record, now, actor)
            await self._audit.record(
                connection,
                actor=actor,
                act="token.create",
                subject=record.token_id,
                reason=f"{spec.uses} uses, channel {spec.channel}",
            )
        return TokenMade(id=record.token_id, token=token.text, expires_at=rfc3339(record.expires_at))

    async def create_key(self, spec: KeySpec, actor: str) -> KeyMade:
        """A key of a person or program; Conflict if one of that name stands: the audit log names keys."""
        now = self._ground.clock()
        text = making.new_api_token(self._ground.random)
        record = ApiTokenRecord(
            token_id=self._ground.new_id(),
            sha256=making.hash_of(text),
            name=spec.name,
            scope=spec.scope,
            expires_at=None if spec.valid_seconds is None else now + spec.valid_seconds * 1000,
        )
        async with self._ground.database.begin() as connection:
            if spec.name in {CONTROLLER, *(key.name for key in await tokens.api_tokens_all(connection))}:
                raise Conflict("name taken", f"name: a key named {spec.name!r} stands already")
            await tokens.put_api(connection, record, now)
            await self._audit.record(
                connection, actor=actor, act="key.create", subject=spec.name, reason=f"scope {spec.scope}"
            )
        expires = rfc3339_or_none(record.expires_at)
        return KeyMade(id=record.token_id, name=spec.name, scope=spec.scope, key=text, expires_at=expires)

    async def scope_of(self, text: str) -> tuple[str, AuthScope] | None:
        """Whose API token this is and what it may do; none if it is none, or its time is over."""
        try:
            return await self.standing(making.hash_of(making.parse_api_token(text)))
        except TokenMalformed:
            return None

    async def standing(self, sha256: str) -> tuple[str, AuthScope] | None:
        """The same, by the SHA-256 of the token's text."""
        async with self._ground.database.read() as connection:
            record = await tokens.api_token_of(connection, sha256)
        if record is None or not making.in_force(
            msgspec.convert(record, making.ApiToken, from_attributes=True), self._ground.clock()
        ):
            return None
        return record.name, record.scope


def _refuse_out_of_form(spec: TokenSpec) -> None:
    errors = []
    if len(spec.labels) > LABELS_MAX:
        errors.append(f"labels: {len(spec.labels)} where a device has at most {LABELS_MAX}")
    for label, value in spec.labels.items():
        try:
            parse_label(f"{label}={value}")
        except IdentityError as why:
            errors.append(f"labels: {why}")
    try:
        parse_device_id(spec.device_id or "any")
    except IdentityError as why:
        errors.append(f"device_id: {why}")
    if errors:
        raise Invalid("not a token", errors[0], tuple(errors))

"""How a device comes in: token and CSR against certificate, then all that it needs to know (PROTOCOL 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AlertName, EnrolRefusal
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.dressing import newcomer
from pyv_fleet.engine.errors import Forbidden, Invalid, NotFound, TooMany, Unauthorised
from pyv_fleet.engine.failures import Failures
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.revocation import Revocation, certificate_record
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import certificates, devices, status, tokens
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.tokens import TokenRecord
from pyv_fleet.trust import csr
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.certificates import spki_sha256
from pyv_fleet.trust.errors import CsrRefused, RenewalRefused
from pyv_fleet.trust.tokens import Admitted, Enrolled, EnrolmentTerms, Refused, admit, hash_of
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.report import Join, JoinLink

TOKEN_REFUSED: Final = "the token is unknown, or not of this fleet"


class Enrolment:
    """Admits devices, renews their certificates, and tells them where they have come."""

    def __init__(
        self,
        ground: Ground,
        authority: Authority,
        trust: TrustChain,
        orders: Orders,
        revocation: Revocation,
        alerting: Alerting,
        audit: AuditLog,
        *,
        link: Callable[[], JoinLink],
    ) -> None:
        self._ground = ground
        self._authority = authority
        self._trust = trust
        self._orders = orders
        self._revocation = revocation
        self._alerting = alerting
        self._audit = audit
        self._link = link
        self._failures = Failures()

    async def enrol(self, device_id: str, token_text: str, request: bytes, address: str) -> bytes:
        """The certificate's DER. Invalid (CSR, id), Unauthorised (token), Forbidden (says why), TooMany.

        Stored before it is handed out; the same key again gets another certificate and costs no use.
        """
        if self._failures.too_many(address, self._ground.clock()):
            raise TooMany("too many refused enrolments", f"from {address}: wait a minute", retry_seconds=60)
        try:
            key_sha256 = await asyncio.to_thread(_key_of, request, device_id)
        except CsrRefused as why:
            raise Invalid("certificate request refused", str(why), (str(why),)) from None
        async with self._ground.database.begin() as connection:
            token = await tokens.enrolment_of(connection, hash_of(token_text.strip()))
            known = None if token is None else await devices.get(connection, device_id)
            answer = None if token is None else await self._admit(connection, token, device_id, key_sha256, known)
            made = b""
            if token is not None and isinstance(answer, Admitted):
                made = await self._let_in(connection, token, device_id, key_sha256, known, answer, request)
            elif isinstance(answer, Refused) and answer.alert:
                detail = f"from {address or 'an unknown address'}: {answer.reason.sentence}"
                name = AlertName.ENROLMENT_REFUSED
                await self._alerting.raise_alert(connection, name, detail=detail, device_id=device_id)
        self._refuse(answer, address)
        await self._orders.publish_pending()
        if isinstance(answer, Admitted) and answer.replaces_key:
            await self._revocation.cut([device_id])
        self._ground.changes.ring("devices")
        return made

    async def reenrol(self, device_id: str, request: bytes, presented: bytes) -> bytes:
        """A new certificate for the id and key of the one presented, also after it expired. Invalid, Forbidden."""
        try:
            old = x509.load_der_x509_certificate(presented)
            key_sha256 = await asyncio.to_thread(_key_of, request, device_id)
        except (CsrRefused, ValueError) as why:
            raise Invalid("renewal refused", str(why), (str(why),)) from None
        await self._revocation.recognise(device_id, old)
        async with self._ground.database.begin() as connection:
            device = await devices.get(connection, device_id)
            known = await certificates.get(connection, f"{old.serial_number:x}")
            if device is None or known is None or known.device_id != device_id:
                raise Forbidden("renewal refused", f"{device_id}: this certificate is not of this fleet")
            if device.quarantined or known.revoked_at is not None or key_sha256 != device.key_sha256:
                raise Forbidden("renewal refused", f"{device_id}: quarantined, or enrolled with another key since")
            try:
                made = self._authority.renew(request, old, rfc3339(self._ground.clock()))
            except (RenewalRefused, CsrRefused) as why:
                raise Forbidden("renewal refused", str(why)) from None
            await certificates.put(connection, certificate_record(made, device_id, key_sha256))
            await self._audit.record(
                connection, actor=device_id, act="device.renew", subject=device_id, reason="its certificate"
            )
        return made.public_bytes(Encoding.DER)

    async def join(self, device_id: str, serial: int) -> Join:
        """All else that an enrolled device needs. Forbidden for a certificate that is not this device's."""
        if not await self._revocation.valid(device_id, serial):
            raise Forbidden("not this device", "the certificate is not in force for this device id")
        async with self._ground.database.read() as connection:
            device = await devices.get(connection, device_id)
            fleet = await fleets.get(connection)
            if device is None or fleet is None:
                raise NotFound("no such device", device_id)
            current = await directives.current(connection, device.channel)
        epoch = self._trust.current.epoch
        return Join(
            v=1,
            fleet=fleet.name,
            trust_anchor=fleet.root_key,
            trust=tuple(document.decode("utf-8") for document in await self._trust.documents()),
            assignment=device.assignment.decode("utf-8"),
            incarnation=device.incarnation,
            epoch=epoch,
            generation=current.generation if current is not None and current.epoch == epoch else 0,
            number=device.number,
            link=self._link(),
        )

    async def _admit(
        self,
        connection: AsyncConnection,
        token: TokenRecord,
        device_id: str,
        key_sha256: str,
        known: DeviceRecord | None,
    ) -> Admitted | Refused:
        enrolled = None
        if known is not None:
            enrolled = Enrolled(
                key_sha256=known.key_sha256, incarnation=known.incarnation, quarantined=known.quarantined
            )
        terms = msgspec.convert(token, EnrolmentTerms, from_attributes=True)
        answer = admit(terms, device_id, key_sha256, enrolled, self._ground.clock())
        if isinstance(answer, Admitted) and not await tokens.use(connection, token.token_id, answer.uses):
            return Refused(reason=EnrolRefusal.USED_UP)
        return answer

    async def _let_in(
        self,
        connection: AsyncConnection,
        token: TokenRecord,
        device_id: str,
        key_sha256: str,
        known: DeviceRecord | None,
        answer: Admitted,
        request: bytes,
    ) -> bytes:
        """Device, assignment and certificate in one transaction."""
        now = self._ground.clock()
        if known is None or known.incarnation != answer.incarnation:
            record = _newcomer(token, device_id, now) if known is None else known
            record = msgspec.structs.replace(record, key_sha256=key_sha256, incarnation=answer.incarnation)
            done = await newcomer(connection, record)
            await self._orders.issue_assignment(connection, done.device, actor="enrolment")
            await done.keep(connection)
            await status.add_blank(connection, device_id)
        if answer.replaces_key:
            await certificates.revoke_all_of(connection, device_id, now)
        made = self._authority.issue(request, device_id, rfc3339(now))
        await certificates.put(connection, certificate_record(made, device_id, key_sha256))
        await self._audit.record(
            connection, actor=f"token {token.token_id}", act="device.enrol", subject=device_id, reason="enrolled"
        )
        return made.public_bytes(Encoding.DER)

    def _refuse(self, answer: Admitted | Refused | None, address: str) -> None:
        if isinstance(answer, Admitted):
            return
        self._failures.count(address, self._ground.clock())
        if answer is None:
            raise Unauthorised("enrolment refused", TOKEN_REFUSED)
        raise Forbidden("enrolment refused", answer.reason.sentence, (answer.reason.value,))


def _key_of(request: bytes, device_id: str) -> str:
    return spki_sha256(csr.accept(request, device_id)[1])


def _newcomer(token: TokenRecord, device_id: str, now_ms: int) -> DeviceRecord:
    return DeviceRecord(
        device_id=device_id,
        key_sha256="",
        incarnation=0,
        quarantined=False,
        enrolled_at=now_ms,
        channel=token.channel,
        labels=token.labels,
        overlay={},
        overlay_digest=EMPTY_OVERLAY,
        pin=None,
        tz="UTC",
        min_generation=0,
        epoch=0,
        number=0,
        assignment=b"",
        published_at=None,
    )

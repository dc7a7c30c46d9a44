"""One guard before every route: who calls, and may he? A route that does not state it is shut (SECURITY, Salt)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID
from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler

from pyv_fleet.api.context import ApiContext, remember_caller
from pyv_fleet.api.tls import CERTIFICATE_KEY
from pyv_fleet.core.access import PAGE_COOKIE, Caller, Denied, May, decide, known_host
from pyv_fleet.core.page_sessions import SEAL_FIELD, from_here
from pyv_fleet.core.words import AuthScope, SealFault
from pyv_fleet.engine.errors import Forbidden, Unauthorised

if TYPE_CHECKING:
    Connection = ASGIConnection[Any, Any, Any, Any]

TOKEN_CHARS_MAX: Final = 512


def may(
    scope: AuthScope | None = None,
    *,
    device: bool = False,
    same_device: bool = False,
    article: bool = False,
    page: bool = False,
    form: bool = False,
    loopback: bool = False,
    everyone: bool = False,
) -> dict[str, May]:
    """A route's statement, for its `opt`."""
    return {
        "may": May(
            scope=scope,
            device=device,
            same_device=same_device,
            article=article,
            page=page,
            form=form,
            loopback=loopback,
            everyone=everyone,
        )
    }


async def admit(connection: Connection, handler: BaseRouteHandler) -> None:
    """Unauthorised (401) or Forbidden (403) unless the route's statement lets the caller in."""
    stated = handler.opt.get("may")
    if not isinstance(stated, May):
        raise Forbidden("Not allowed", f"{connection.url.path} does not state who may call it")
    context: ApiContext = connection.app.state.context
    caller = await identify(connection, context)
    denied = decide(stated, caller, context.doors, connection.path_params.get("device_id"))
    if denied is not None:
        raise _error(denied)
    remember_caller(connection, caller)
    if stated.form and connection.scope["method"] == "POST":  # type: ignore[typeddict-item]
        await _refuse_forged(connection, caller, context)


async def identify(connection: Connection, context: ApiContext) -> Caller:
    """Who calls: a token's name and scope, a certificate's device, or only an address."""
    address = connection.client.host if connection.client else None
    near = Caller(address=address, host_known=known_host(connection.headers.get("host"), context.hosts))
    token = _token(connection)
    if token is not None:
        found = await context.desk.scope_of(token)
        if found is None:
            raise Unauthorised("Not signed in", "this token is not known, or its time is over")
        return Caller(address=address, name=found[0], scope=found[1])
    cookie = connection.cookies.get(PAGE_COOKIE[connection.url.scheme == "https"])
    if cookie:  # an old one is as good as none
        session = await context.desk.page_sessions.known(cookie[:TOKEN_CHARS_MAX], by_hand=_by_hand(connection))
        return near if session is None else _signed_in(near, *session)
    certificate = client_certificate(connection)
    if certificate is None or not await _holds(certificate, context):
        return near
    return Caller(address=address, device_id=_common_name(certificate), host_known=near.host_known)


def client_certificate(connection: Connection) -> x509.Certificate | None:
    """The certificate that the client proved to hold in the handshake, verified by the device CA, perhaps expired."""
    extensions: Mapping[str, object] = connection.scope.get("extensions") or {}
    der = extensions.get(CERTIFICATE_KEY)
    return x509.load_der_x509_certificate(der) if isinstance(der, bytes) else None


async def _refuse_forged(connection: Connection, caller: Caller, context: ApiContext) -> None:
    """Forbidden unless a page of this server made the form for this very session; Conflict if it was sent before."""
    if not from_here(connection.headers):
        raise Forbidden("Not from this page", SealFault.FOREIGN.sentence)
    assert isinstance(connection, Request)
    shown = (await connection.form()).get(SEAL_FIELD)
    context.desk.page_sessions.spend(caller.session or "", connection.url.path, shown if isinstance(shown, str) else "")


def _signed_in(near: Caller, key: str, name: str, scope: AuthScope) -> Caller:
    return msgspec.structs.replace(near, name=name, scope=scope, session=key)


def _by_hand(connection: Connection) -> bool:
    """Whether a person goes somewhere, not a page that fetches its news."""
    mode = connection.headers.get("sec-fetch-mode", "navigate")
    return mode == "navigate" and "hx-request" not in connection.headers


def _token(connection: Connection) -> str | None:
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip()[:TOKEN_CHARS_MAX] if kind.lower() == "bearer" else None


async def _holds(certificate: x509.Certificate, context: ApiContext) -> bool:
    device_id = _common_name(certificate)
    if device_id is None or not certificate.not_valid_before_utc <= context.clock() < certificate.not_valid_after_utc:
        return False
    return await context.desk.device_certificate_valid(device_id, certificate.serial_number, certificate)


def _common_name(certificate: x509.Certificate) -> str | None:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else None


def _error(denied: Denied) -> Unauthorised | Forbidden:
    if denied.status == 401:
        return Unauthorised("Not signed in", denied.why)
    return Forbidden("Not allowed", denied.why)

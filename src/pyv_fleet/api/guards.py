"""One guard before every route: who calls, and may he? A route that does not state it is shut (SECURITY, Salt)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from pyv_fleet.api.context import ApiContext, remember_caller
from pyv_fleet.api.tls import CERTIFICATE_KEY
from pyv_fleet.core.access import PAGE_COOKIE, Caller, Denied, May, decide, known_host
from pyv_fleet.core.words import AuthScope
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


async def identify(connection: Connection, context: ApiContext) -> Caller:
    """Who calls: a token's name and scope, a certificate's device, or only an address."""
    address = connection.client.host if connection.client else None
    near = Caller(address=address, host_known=known_host(connection.headers.get("host"), context.hosts))
    token, by_cookie = _token(connection)
    if token is not None:
        found = await context.desk.scope_of(token)
        if found is None and by_cookie:
            return near  # a page's old cookie: as if it had none
        if found is None:
            raise Unauthorised("Not signed in", "this token is not known, or its time is over")
        return Caller(address=address, name=found[0], scope=found[1], by_cookie=by_cookie)
    certificate = client_certificate(connection)
    if certificate is None or not await _holds(certificate, context):
        return near
    return Caller(address=address, device_id=_common_name(certificate), host_known=near.host_known)


def client_certificate(connection: Connection) -> x509.Certificate | None:
    """The certificate that the client proved to hold in the handshake, verified by the device CA, perhaps expired."""
    extensions: Mapping[str, object] = connection.scope.get("extensions") or {}
    der = extensions.get(CERTIFICATE_KEY)
    return x509.load_der_x509_certificate(der) if isinstance(der, bytes) else None


def _token(connection: Connection) -> tuple[str | None, bool]:
    header = connection.headers.get("authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() == "bearer":
        return token.strip()[:TOKEN_CHARS_MAX], False
    cookie = connection.cookies.get(PAGE_COOKIE)
    return (cookie[:TOKEN_CHARS_MAX], True) if cookie else (None, False)


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

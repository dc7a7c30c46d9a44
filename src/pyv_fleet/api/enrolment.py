"""How a device comes in: EST (RFC 7030), then join (PROTOCOL 2, 9). Over TLS alone."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Request, Response, get, post
from litestar.params import FromPath

from pyv_fleet.api.context import HasContext, HasDesk
from pyv_fleet.api.guards import client_certificate, may
from pyv_fleet.engine.errors import Forbidden, Unauthorised
from pyv_fleet.trust import est
from pyvorin_edge.report import Join

AnyRequest = Request[Any, Any, Any]


@get("/.well-known/est/cacerts", opt=may(everyone=True), media_type=est.CACERTS_TYPE)
async def cacerts(context: HasContext) -> Response[bytes]:
    """Server CA and device CA: the device takes the first whose key its token names (PROTOCOL 2)."""
    return _pkcs7([context.server_ca, context.device_ca], est.CACERTS_TYPE)


@post(
    "/.well-known/est/simpleenroll",
    opt=may(everyone=True),
    media_type=est.ENROLLED_TYPE,
    request_max_body_size=est.BODY_BYTES_MAX,
    status_code=200,
)
async def simpleenroll(desk: HasDesk, request: AnyRequest) -> Response[bytes]:
    """A certificate for the CSR in the body; HTTP Basic with device id and enrolment token."""
    _over_tls(request)
    device_id, token = _basic(request.headers.get("authorization", ""))
    csr = est.csr_of(await request.body())
    address = request.client.host if request.client else ""
    return _enrolled(await desk.enrol(device_id, token, csr, address))


@post(
    "/.well-known/est/simplereenroll",
    opt=may(everyone=True),
    media_type=est.ENROLLED_TYPE,
    request_max_body_size=est.BODY_BYTES_MAX,
    status_code=200,
)
async def simplereenroll(desk: HasDesk, request: AnyRequest) -> Response[bytes]:
    """A new certificate for the id and key of the one that the client bears, also after it expired."""
    _over_tls(request)
    presented = client_certificate(request)
    if presented is None:
        raise Unauthorised("Not signed in", "renewal needs the device's certificate in the TLS handshake")
    names = presented.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    device_id = str(names[0].value) if names else ""
    csr = est.csr_of(await request.body())
    return _enrolled(await desk.reenrol(device_id, csr, presented.public_bytes(Encoding.DER)))


@get("/v1/devices/{device_id:str}/join", opt=may(same_device=True))
async def join(desk: HasDesk, request: AnyRequest, device_id: FromPath[str]) -> Join:
    """All else that an enrolled device needs: anchor, trust chain, assignment, bounds, where the fleet is."""
    presented = client_certificate(request)
    assert presented is not None, "the guard has seen it"
    return await desk.join(device_id, presented.serial_number)


def _over_tls(request: AnyRequest) -> None:
    if request.url.scheme != "https":
        raise Forbidden("Not allowed", "enrol over HTTPS: a token must not travel in clear")


def _basic(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    try:
        if kind.lower() != "basic":
            raise ValueError("not Basic")
        device_id, colon, token = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (ValueError, binascii.Error):
        device_id, colon, token = "", "", ""
    if not (device_id and colon and token):
        raise Unauthorised("Not signed in", "enrolment needs HTTP Basic with the device id and its token")
    return device_id, token


def _enrolled(certificate_der: bytes) -> Response[bytes]:
    return _pkcs7([x509.load_der_x509_certificate(certificate_der)], est.ENROLLED_TYPE)


def _pkcs7(certificates: list[x509.Certificate], kind: str) -> Response[bytes]:
    headers = {"Content-Transfer-Encoding": est.TRANSFER_ENCODING, "Cache-Control": "no-store"}
    return Response(est.certs_only(certificates), media_type=kind, headers=headers)


ROUTES = (cacerts, simpleenroll, simplereenroll, join)

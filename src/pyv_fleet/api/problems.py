"""Every error as an RFC 9457 problem that names what was wrong; nothing of the inside is told to the outside."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from sqlalchemy.exc import OperationalError

from pyv_fleet.core.views import Problem
from pyv_fleet.engine import errors
from pyv_fleet.trust.errors import CsrRefused, DocumentRefused, RenewalRefused
from pyvorin_edge.errors import PyvorinError

log = logging.getLogger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"
EMPTY_ERRORS: Final = frozenset({"/v1/golden-hash"})
"""The article's script takes whatever the body holds for a hash: an error there has none (PROTOCOL 9)."""
UNAVAILABLE_SECONDS: Final = 5
AnyRequest = Request[Any, Any, Any]
_NO_DATA: Final = "'data'"
"""All that Litestar says of a body that is not there."""
_NO_BODY: Final = "the body is empty: a JSON object is needed"
_FULL: Final = "the disk that holds the store is full"
_FIELD: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)


def handlers() -> ExceptionHandlersMap:
    """For Litestar: one answer for each kind of error."""
    return {
        errors.FleetError: _on_fleet_error,
        ValidationException: _on_bad_parameter,
        HTTPException: _on_http_error,
        CsrRefused: _on_refused_input,
        DocumentRefused: _on_refused_input,
        RenewalRefused: _on_refused_input,
        PyvorinError: _on_refused_input,
        RecursionError: _on_too_deep,
        OperationalError: _on_store_fault,
        Exception: _on_our_own_fault,
    }


def field_of(message: str) -> str:
    """msgspec's `… - at `$.waves[0]`` as `waves[0]: …`."""
    found = _FIELD.match(message)
    if found is None or not found["where"]:
        return message
    return f"{found['where']}: {found['what']}"


def answer(request: AnyRequest, problem: Problem, retry_seconds: int | None = None) -> Response[bytes]:
    """The problem as a response, or an empty body where the article's clients would misread one."""
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if retry_seconds is not None:
        headers["Retry-After"] = str(retry_seconds)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="pyvorin fleet"'
        if request.url.path.startswith("/.well-known/est/"):
            headers["WWW-Authenticate"] = 'Basic realm="device id and enrolment token"'
    empty = request.url.path in EMPTY_ERRORS
    body = b"" if empty else msgspec.json.encode(problem)
    kind = "text/plain" if empty else PROBLEM_TYPE
    return Response(body, status_code=problem.status, media_type=kind, headers=headers)


def _on_fleet_error(request: AnyRequest, error: errors.FleetError) -> Response[bytes]:
    problem = Problem(title=error.title, status=error.status, detail=error.detail, errors=tuple(error.errors))
    return answer(request, problem, _retry_seconds(error))


def _retry_seconds(error: errors.FleetError) -> int | None:
    match error:
        case errors.TooMany(retry_seconds=seconds):
            return seconds
        case errors.Unavailable():
            return UNAVAILABLE_SECONDS
        case _:
            return None


def _on_bad_parameter(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    found = [_said(one) for one in error.extra] if isinstance(error.extra, list) else [field_of(error.detail)]
    found = [_NO_BODY if one == _NO_DATA else one for one in found]
    return answer(request, Problem(title="Not valid", status=400, detail="; ".join(found), errors=tuple(found)))


def _on_http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.status_code >= 500:
        return _on_our_own_fault(request, error)
    title = HTTPStatus(error.status_code).phrase
    detail = field_of(error.detail) if error.detail != title else ""
    if error.status_code == HTTPStatus.NOT_FOUND and not detail:
        detail = "nothing stands at this address; /schema lists what there is"
    named = (detail,) if error.status_code == 400 and detail else ()
    response = answer(request, Problem(title=title, status=error.status_code, detail=detail, errors=named))
    if error.headers and "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _on_refused_input(request: AnyRequest, error: Exception) -> Response[bytes]:
    return answer(request, Problem(title="Refused", status=422, detail=str(error), errors=(str(error),)))


def _on_store_fault(request: AnyRequest, error: OperationalError) -> Response[bytes]:
    """A full disk, a database that is gone: nothing was done, and it may work again."""
    log.error("%s %s: the store: %s", request.method, request.url.path, error.orig)
    said = "nothing was done: " + (_FULL if "disk is full" in str(error.orig) else "the controller's log says why")
    return answer(request, Problem(title="The store cannot be used", status=503, detail=said), UNAVAILABLE_SECONDS)


def _on_too_deep(request: AnyRequest, error: RecursionError) -> Response[bytes]:
    """JSON that is nested without end is the sender's fault; the log keeps where, in case it was ours."""
    log.warning("%s %s: nested too deeply", request.method, request.url.path, exc_info=error)
    said = "the body is nested too deeply"
    return answer(request, Problem(title="Not valid", status=400, detail=said, errors=(said,)))


def _on_our_own_fault(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(
        request, Problem(title="The controller failed", status=500, detail="its log says more; it is not your fault")
    )


def _said(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    key = one.get("key")
    message = field_of(str(one.get("message", "")))
    return f"{key}: {message}" if key and key != "data" else message

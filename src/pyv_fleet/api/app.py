"""The app: every route, one guard, one form of error, OpenAPI at /schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from pyv_fleet.api import (
    alerts,
    article,
    bundles,
    channels,
    device_link,
    devices,
    drift,
    enrolment,
    events,
    fleet,
    groups,
    history,
    metrics,
    parcels,
    policies,
    problems,
    records,
    releases,
    rollbacks,
    rollouts,
    tokens,
    trust,
)
from pyv_fleet.api.context import ApiContext, provide_caller, provide_context, provide_desk
from pyv_fleet.api.guards import admit, may
from pyv_fleet.api.idempotency import claim, remembering

BODY_BYTES_MAX: Final = 256 * 1024
_NOUNS: Final = (
    fleet,
    devices,
    groups,
    drift,
    history,
    releases,
    bundles,
    channels,
    parcels,
    policies,
    rollouts,
    rollbacks,
    tokens,
    trust,
    alerts,
    records,
    events,
    metrics,
    enrolment,
    device_link,
    article,
)


def build_app(context: ApiContext, more: Sequence[Any] = ()) -> Litestar:
    """The controller's HTTP; `more` are the page's routes, which state who may call them as all others do."""
    return Litestar(
        route_handlers=[*(route for noun in _NOUNS for route in noun.ROUTES), *more],
        guards=[admit],
        before_request=claim,
        middleware=[remembering],
        dependencies={
            "desk": Provide(provide_desk, sync_to_thread=False),
            "context": Provide(provide_context, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
        },
        exception_handlers=problems.handlers(),
        openapi_config=_openapi(),
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
        state=State({"context": context}, deep_copy=False),
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Pyvorin Fleet",
        version="1",
        description="Errors are RFC 9457 problems. Bearer tokens for people and programs, certificates for devices.",
        openapi_router=Router(path="/schema", route_handlers=[], opt=may(everyone=True)),
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
        use_handler_docstrings=True,
    )

"""The page's routes: the overview and its two live parts, its files, and all other pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Response, Router, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from pyv_fleet.core.access import May
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import FleetError, NotFound, Unauthorised
from pyv_fleet.web import acting, planning, rollbacks, rollouts, signing_in
from pyv_fleet.web.filter import parse_filter
from pyv_fleet.web.frame import SEEN, Frames, HasCaller, HasDesk, HasFrames, said_wrong
from pyv_fleet.web.overview import DEVICES_A_PAGE, Gathering, devices_of
from pyv_fleet.web.rendering import render

STATIC: Final = Path(__file__).parent / "static"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_OPEN: Final = {"may": May(everyone=True)}
_HEADERS: Final = (
    ResponseHeader(
        name="Content-Security-Policy",
        value="default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
    # not no-referrer: with that a browser says `Origin: null` of our own forms, and we could not tell them from others'
    ResponseHeader(name="Referrer-Policy", value="same-origin"),
    ResponseHeader(name="Cache-Control", value="no-store"),
)
Wanted = Annotated[str, QueryParameter(name="q", max_length=200)]
HasGathering = SkipValidation[NamedDependency[Gathering]]
After = Annotated[str | None, QueryParameter(name="after", max_length=256)]


@get("/", opt=SEEN, media_type="text/html")
async def page(
    desk: HasDesk, gathering: HasGathering, frames: HasFrames, caller: HasCaller, q: Wanted = "", after: After = None
) -> Response[str]:
    """The whole page."""
    return await frames.show(caller, "/", "page.html", now=await gathering.overview(), **await _devices(desk, q, after))


@get("/page/overview", opt=SEEN, media_type="text/html")
async def overview(gathering: HasGathering, frames: HasFrames, caller: HasCaller) -> str:
    """All but the devices' table, as it is now."""
    return render("overview.html", now=await gathering.overview(), frame=await frames.of(caller, "/"))


@get("/page/devices", opt=SEEN, media_type="text/html")
async def devices(desk: HasDesk, q: Wanted = "", after: After = None) -> str:
    """The devices' table, as it is now."""
    return render("devices.html", **await _devices(desk, q, after))


@get("/static/{name:str}", opt=_OPEN)
async def static(name: FromPath[str]) -> Response[bytes]:
    """Styles and scripts, all our own or vendored."""
    path = _files().get(name)
    if path is None:
        raise NotFound("Not found", f"no file {name!r}")
    return Response(path.read_bytes(), media_type=KINDS[path.suffix], headers={"Cache-Control": "max-age=3600"})


def page_routes(desk: Desk) -> Router:
    """All of the page, for the app."""
    gathering, frames, looks = Gathering(desk), Frames(desk), rollouts.RolloutLooks(desk)
    parts = (signing_in, rollouts, planning, acting, rollbacks)
    return Router(
        path="/",
        route_handlers=[page, overview, devices, static, *(route for part in parts for route in part.ROUTES)],
        response_headers=_HEADERS,
        exception_handlers={Unauthorised: signing_in.to_login, FleetError: said_wrong},
        dependencies={
            "gathering": Provide(lambda: gathering, sync_to_thread=False),
            "frames": Provide(lambda: frames, sync_to_thread=False),
            "looks": Provide(lambda: looks, sync_to_thread=False),
        },
        include_in_schema=False,
    )


async def _devices(desk: Desk, text: str, after: str | None) -> dict[str, Any]:
    wanted = parse_filter(text)
    found = await devices_of(desk, wanted, after)
    return {"q": text, "after": after, "wanted": wanted, "found": found, "a_page": DEVICES_A_PAGE}


@cache
def _files() -> dict[str, Path]:
    return {path.name: path for path in STATIC.iterdir() if path.suffix in KINDS}

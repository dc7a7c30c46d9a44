"""The page's routes: the page, its two live parts, signing in, its files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie, ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from pyv_fleet.core.access import PAGE_COOKIE, May
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import NotFound, Unauthorised
from pyv_fleet.web.filter import parse_filter
from pyv_fleet.web.overview import DEVICES_A_PAGE, Gathering, devices_of
from pyv_fleet.web.rendering import render

STATIC: Final = Path(__file__).parent / "static"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
FORM_BYTES_MAX: Final = 4096
_SEEN: Final = {"may": May(page=True)}
_OPEN: Final = {"may": May(everyone=True)}
_HEADERS: Final = (
    ResponseHeader(
        name="Content-Security-Policy",
        value="default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
    ResponseHeader(name="Referrer-Policy", value="no-referrer"),
    ResponseHeader(name="Cache-Control", value="no-store"),
)
AnyRequest = Request[Any, Any, Any]
HasDesk = SkipValidation[NamedDependency[Desk]]
Wanted = Annotated[str, QueryParameter(name="q", max_length=200)]
HasGathering = SkipValidation[NamedDependency[Gathering]]
After = Annotated[str | None, QueryParameter(name="after", max_length=256)]


@get("/", opt=_SEEN, media_type="text/html")
async def page(desk: HasDesk, gathering: HasGathering, q: Wanted = "", after: After = None) -> str:
    """The whole page."""
    return render("page.html", now=await gathering.overview(), **await _devices(desk, q, after))


@get("/page/overview", opt=_SEEN, media_type="text/html")
async def overview(gathering: HasGathering) -> str:
    """All but the devices' table, as it is now."""
    return render("overview.html", now=await gathering.overview())


@get("/page/devices", opt=_SEEN, media_type="text/html")
async def devices(desk: HasDesk, q: Wanted = "", after: After = None) -> str:
    """The devices' table, as it is now."""
    return render("devices.html", **await _devices(desk, q, after))


@get("/login", opt=_OPEN, media_type="text/html")
async def login_form() -> str:
    """Where a token is asked for."""
    return render("login.html", wrong=False)


@post("/login", opt=_OPEN, media_type="text/html", request_max_body_size=FORM_BYTES_MAX, status_code=303)
async def login(desk: HasDesk, request: AnyRequest) -> Response[str]:
    """Keep a good token in a cookie that no script reads and no other site sends."""
    token = str((await request.form()).get("token", "")).strip()
    if not token or await desk.scope_of(token) is None:
        return Response(render("login.html", wrong=True), status_code=401, media_type="text/html")
    response = Response("", status_code=303, headers={"Location": "/"}, media_type="text/html")
    response.set_cookie(
        Cookie(
            key=PAGE_COOKIE,
            value=token,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path="/",
        )
    )
    return response


@post("/logout", opt=_OPEN, status_code=303)
async def logout() -> Response[str]:
    """Forget the token."""
    response = Response("", status_code=303, headers={"Location": "/login"}, media_type="text/html")
    response.delete_cookie(PAGE_COOKIE, path="/")
    return response


@get("/static/{name:str}", opt=_OPEN)
async def static(name: FromPath[str]) -> Response[bytes]:
    """Styles and scripts, all our own or vendored."""
    path = _files().get(name)
    if path is None:
        raise NotFound("Not found", f"no file {name!r}")
    return Response(path.read_bytes(), media_type=KINDS[path.suffix], headers={"Cache-Control": "max-age=3600"})


def page_routes(desk: Desk) -> Router:
    """All of the page, for the app."""
    gathering = Gathering(desk)
    return Router(
        path="/",
        route_handlers=[page, overview, devices, login_form, login, logout, static],
        response_headers=_HEADERS,
        exception_handlers={Unauthorised: _to_login},
        dependencies={"gathering": Provide(lambda: gathering, sync_to_thread=False)},
        include_in_schema=False,
    )


def _to_login(request: AnyRequest, _: Unauthorised) -> Response[str]:
    """A person is asked to sign in; a live part tells htmx to go there."""
    if request.headers.get("hx-request"):
        return Response("", status_code=200, headers={"HX-Redirect": "/login"}, media_type="text/html")
    return Response("", status_code=303, headers={"Location": "/login"}, media_type="text/html")


async def _devices(desk: Desk, text: str, after: str | None) -> dict[str, Any]:
    wanted = parse_filter(text)
    found = await devices_of(desk, wanted, after)
    return {"q": text, "after": after, "wanted": wanted, "found": found, "a_page": DEVICES_A_PAGE}


@cache
def _files() -> dict[str, Path]:
    return {path.name: path for path in STATIC.iterdir() if path.suffix in KINDS}

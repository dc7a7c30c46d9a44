"""Signing in on the page with a token, and out again."""

from __future__ import annotations

import re
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import QueryParameter

from pyv_fleet.core.access import PAGE_COOKIE, May
from pyv_fleet.core.page_sessions import from_here
from pyv_fleet.core.words import SealFault
from pyv_fleet.engine.errors import Forbidden, Unauthorised
from pyv_fleet.web.frame import AnyRequest, HasCaller, HasDesk, see_other
from pyv_fleet.web.rendering import render

LOGIN_BYTES_MAX: Final = 4096
_OPEN: Final = {"may": May(everyone=True)}
_LEAVES: Final = {"may": May(form=True)}
#: a place on this server, and nothing that a browser would read as another one
_PLACE: Final = re.compile(r"/(?![/\\])[A-Za-z0-9_.~/?=&%+:-]{0,500}")
Next = Annotated[str, QueryParameter(name="next", max_length=512)]


@get("/login", opt=_OPEN, media_type="text/html")
async def login_form(onward: Next = "/") -> str:
    """Where a token is asked for."""
    return render("login.html", wrong=False, onward=place_of(onward))


@post("/login", opt=_OPEN, media_type="text/html", request_max_body_size=LOGIN_BYTES_MAX, status_code=303)
async def login(desk: HasDesk, request: AnyRequest) -> Response[str]:
    """Keep a session for a good token, in a cookie that no script reads and no other site sends."""
    if not from_here(request.headers):
        raise Forbidden("Not from this page", SealFault.FOREIGN.sentence)
    form = await request.form()
    onward = place_of(str(form.get("next", "")))
    address = request.client.host if request.client else ""
    session = await desk.page_sessions.sign_in(str(form.get("token", "")), address)
    if session is None:
        return Response(render("login.html", wrong=True, onward=onward), status_code=401, media_type="text/html")
    response, secure = see_other(onward), request.url.scheme == "https"
    response.set_cookie(
        Cookie(
            key=PAGE_COOKIE[secure],
            value=session,
            httponly=True,
            samesite="strict",
            secure=secure,
            path="/",
        )
    )
    return response


@post("/logout", opt=_LEAVES, status_code=303)
async def logout(desk: HasDesk, caller: HasCaller, request: AnyRequest) -> Response[str]:
    """End the session, here and there."""
    desk.page_sessions.sign_out(caller.session or "")
    response, secure = see_other("/login"), request.url.scheme == "https"
    response.set_cookie(
        Cookie(key=PAGE_COOKIE[secure], value="", max_age=0, httponly=True, samesite="strict", secure=secure, path="/")
    )
    return response


def place_of(text: str) -> str:
    """Where to go after signing in: a place of this server, else the overview."""
    return text if _PLACE.fullmatch(text) else "/"


def to_login(request: AnyRequest, _: Unauthorised) -> Response[str]:
    """A person is asked to sign in and comes back; a live part tells htmx to go there."""
    if request.headers.get("hx-request"):
        return Response("", status_code=200, headers={"HX-Redirect": "/login"}, media_type="text/html")
    onward = place_of(request.url.path) if request.method == "GET" else "/"
    return see_other("/login" if onward == "/" else f"/login?next={onward}")


ROUTES = (login_form, login, logout)

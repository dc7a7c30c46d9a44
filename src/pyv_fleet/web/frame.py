"""What stands on every page: whose fleet, who looks, what he may do, and the emergencies that nobody acknowledged."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pyv_fleet.core.access import Caller, May
from pyv_fleet.core.page_sessions import SEAL_FIELD
from pyv_fleet.core.views import AlertView
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import FleetError
from pyv_fleet.web.looks import Look
from pyv_fleet.web.rendering import render

AnyRequest = Request[Any, Any, Any]
HasDesk = SkipValidation[NamedDependency[Desk]]
HasCaller = SkipValidation[NamedDependency[Caller]]
SEEN: Final = {"may": May(page=True)}
"""For what every reader of the page sees."""
ACTS: Final = {"may": May(scope=AuthScope.OPERATE, form=True)}
"""For forms, and what they send."""
FORM_BYTES_MAX: Final = 64 * 1024


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The same for all who look."""

    fleet: str
    emergencies: tuple[AlertView, ...]


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The head, and who looks."""

    head: Head
    #: where the page lies: the link to it is marked
    here: str
    #: of who is signed in; none = a reader near the controller
    name: str | None = None
    scope: AuthScope | None = None
    #: by which he signs out
    leave: str = ""

    @property
    def acts(self) -> bool:
        """Whether buttons are shown to him."""
        return self.name is not None and self.scope in (AuthScope.OPERATE, AuthScope.ADMIN)

    @property
    def admin(self) -> bool:
        """Whether he may do what only an admin may."""
        return self.name is not None and self.scope is AuthScope.ADMIN


class Frames:
    """Makes frames, and the forms' seals."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._head = Look(self._look)

    async def of(self, caller: Caller, here: str) -> Frame:
        """For who looks now."""
        head = await self._head.now()
        if caller.session is None:
            return Frame(head=head, here=here)
        leave = self._desk.page_sessions.seal(caller.session, "/logout")
        return Frame(head=head, here=here, name=caller.name, scope=caller.scope, leave=leave)

    async def show(
        self, caller: Caller, here: str, template: str, *, status: int = 200, **values: Any
    ) -> Response[str]:
        """A page in its frame; `seal` in a template makes the seal of a form that is sent to `here`."""
        frame = await self.of(caller, here)
        seal = "" if caller.session is None else self._desk.page_sessions.seal(caller.session, here)
        text = render(template, frame=frame, seal=seal, seal_field=SEAL_FIELD, **values)
        return Response(text, status_code=status, media_type="text/html")

    async def _look(self) -> Head:
        return Head(fleet=(await self._desk.fleet()).name, emergencies=await self._desk.alerting.emergencies())


HasFrames = SkipValidation[NamedDependency[Frames]]


def see_other(path: str) -> Response[str]:
    """Go on there, by GET: a reload then sends nothing again."""
    return Response("", status_code=303, headers={"Location": path}, media_type="text/html")


def said_wrong(_: AnyRequest, why: FleetError) -> Response[str]:
    """An error as a page."""
    text = render("error.html", title=why.title, detail=why.detail, errors=why.errors)
    return Response(text, status_code=why.status, media_type="text/html")

"""The pages of rollbacks: those there were, one with its acknowledgements as they come, and a new one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from pyv_fleet.core.access import Caller
from pyv_fleet.core.rollback_report import cause_of
from pyv_fleet.core.selectors import SelectorError, parse_where
from pyv_fleet.core.views import RollbackSpec, RollbackView
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import FleetError, Invalid
from pyv_fleet.web.frame import (
    ACTS,
    FORM_BYTES_MAX,
    SEEN,
    AnyRequest,
    Frames,
    HasCaller,
    HasDesk,
    HasFrames,
    see_other,
)
from pyv_fleet.web.planning import RELEASES_SHOWN
from pyv_fleet.web.rendering import render
from pyv_fleet.web.said import count_of, reason_of, text_of

HERE: Final = "/rollbacks/new"
A_PAGE: Final = 10
#: for the channel: every one, said in so many words
ALL: Final = "*"
FIELDS: Final = ("to", "channel", "labels")


@get("/rollbacks", opt=SEEN, media_type="text/html")
async def listed(desk: HasDesk, frames: HasFrames, caller: HasCaller) -> Response[str]:
    """The last ones."""
    return await frames.show(caller, "/rollbacks", "rollbacks.html", found=await desk.rollbacks.page(None, A_PAGE))


@get("/rollbacks/{rollback_id:str}", opt=SEEN, media_type="text/html")
async def shown(desk: HasDesk, frames: HasFrames, caller: HasCaller, rollback_id: FromPath[str]) -> Response[str]:
    """One, with those that are not back."""
    return await frames.show(
        caller, "/rollbacks", "rollback.html", b=await desk.rollbacks.status(rollback_id), cause_of=cause_of
    )


@get("/page/rollbacks/{rollback_id:str}", opt=SEEN, media_type="text/html")
async def shown_live(desk: HasDesk, frames: HasFrames, caller: HasCaller, rollback_id: FromPath[str]) -> str:
    """One as it is now."""
    return render(
        "rollback_live.html",
        frame=await frames.of(caller, "/rollbacks"), b=await desk.rollbacks.status(rollback_id), cause_of=cause_of,
    )  # fmt: skip


@get(HERE, opt=ACTS, media_type="text/html")
async def form(desk: HasDesk, frames: HasFrames, caller: HasCaller, request: AnyRequest) -> Response[str]:
    """Which devices, and to what; with that said, what it resolves to."""
    return await _page(desk, frames, caller, _said(request.query_params))


@post(HERE, opt=ACTS, request_max_body_size=FORM_BYTES_MAX, media_type="text/html")
async def order(desk: HasDesk, frames: HasFrames, caller: HasCaller, request: AnyRequest) -> Response[str]:
    """Order it, if the count that was typed is the count that it has."""
    sent = await request.form()
    said, reason = _said(sent), text_of(sent, "reason")
    try:
        spec = msgspec.structs.replace(
            spec_of(said), reason=reason_of(reason), dry_run=False, expect_count=count_of(text_of(sent, "count"))
        )
        begun = await desk.rollbacks.start(spec, caller.name or "")
    except FleetError as why:
        return await _page(desk, frames, caller, said, wrong=why, reason=reason)
    return see_other(f"/rollbacks/{begun.id}")


def spec_of(said: Mapping[str, str]) -> RollbackSpec:
    """The spec that was said, as a dry run. Invalid for what cannot be read."""
    if not said["channel"]:
        raise Invalid("Which devices?", "choose a channel, or all of them")
    try:
        labels = parse_where(said["labels"].split())
    except SelectorError as why:
        raise Invalid("Not valid", str(why)) from None
    everything = said["channel"] == ALL
    return RollbackSpec(
        to=said["to"], all=everything, channels=() if everything else (said["channel"],), labels=labels,
        reason="look", dry_run=True,
    )  # fmt: skip


def command_of(said: Mapping[str, str]) -> str:
    """The command that orders the same."""
    which = "--all" if said["channel"] == ALL else f"--channel {shlex.quote(said['channel'] or 'CHANNEL')}"
    labels = "".join(f" -l {shlex.quote(one)}" for one in said["labels"].split())
    return f"pyv-fleet rollback --to {shlex.quote(said['to'] or 'VERSION')} {which}{labels} --reason WHY"


async def _page(
    desk: Desk,
    frames: Frames,
    caller: Caller,
    said: Mapping[str, str],
    *,
    wrong: FleetError | None = None,
    reason: str = "",
) -> Response[str]:
    tried: RollbackView | None = None
    if said["to"]:
        try:
            tried = await desk.rollbacks.start(spec_of(said), "")
        except FleetError as why:
            wrong = wrong or why
    return await frames.show(
        caller, HERE, "rollback_new.html", status=wrong.status if wrong else 200,
        said=said, tried=tried, wrong=wrong, reason=reason, all=ALL, command=command_of(said),
        channels=await desk.channels(), releases=(await desk.releases(None, RELEASES_SHOWN)).items,
    )  # fmt: skip


def _said(sent: Mapping[str, Any]) -> dict[str, str]:
    return {name: text_of(sent, name) for name in FIELDS}


ROUTES = (listed, shown, shown_live, form, order)

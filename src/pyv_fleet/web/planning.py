"""A new rollout from the page: say what, see the plan, and make just that (the plan's digest goes with it)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from pyv_fleet.core.access import Caller
from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import FleetError, Invalid
from pyv_fleet.web.frame import ACTS, FORM_BYTES_MAX, AnyRequest, Frames, HasCaller, HasDesk, HasFrames, see_other
from pyv_fleet.web.said import reason_of, seconds_of, text_of

HERE: Final = "/rollouts/new"
RELEASES_SHOWN: Final = 100
FIELDS: Final = ("channel", "release", "waves", "soak", "deadline", "baseline")
FLAGS: Final = ("supersede", "hold", "emergency")


@get(HERE, opt=ACTS, media_type="text/html")
async def plan_form(desk: HasDesk, frames: HasFrames, caller: HasCaller, request: AnyRequest) -> Response[str]:
    """What is to be said of a rollout; with that said, the plan below it."""
    said = _said(request.query_params)
    try:
        plan = await desk.plan_rollout(spec_of(said)) if said["release"] else None
    except FleetError as why:
        return await _page(desk, frames, caller, said, wrong=why)
    return await _page(desk, frames, caller, said, plan=plan)


@post(HERE, opt=ACTS, request_max_body_size=FORM_BYTES_MAX, media_type="text/html")
async def create(desk: HasDesk, frames: HasFrames, caller: HasCaller, request: AnyRequest) -> Response[str]:
    """Make what was planned; refused if the fleet or the release changed since."""
    form = await request.form()
    said = _said(form)
    reason = text_of(form, "reason")
    try:
        spec = msgspec.structs.replace(spec_of(said), reason=reason_of(reason), plan=_digest(text_of(form, "plan")))
        made = await desk.create_rollout(spec, caller.name or "", caller.scope)
    except FleetError as why:
        return await _page(desk, frames, caller, said, wrong=why, reason=reason, again=True)
    return see_other(f"/rollouts/{made.id}")


def spec_of(said: Mapping[str, str]) -> RolloutSpec:
    """The spec that was said; what is left empty, the channel's policy says. Invalid for what cannot be read."""
    spec: dict[str, Any] = {
        "channel": said["channel"],
        "release": said["release"],
        "waves": waves_of(said["waves"]) or None,
        "soak_seconds": seconds_of("soak", said["soak"]),
        "deadline_seconds": seconds_of("deadline", said["deadline"]),
        "baseline": said["baseline"] or None,
        **{flag: bool(said[flag]) for flag in FLAGS},
        "reason": "plan",
    }
    try:
        return msgspec.convert({name: value for name, value in spec.items() if value is not None}, RolloutSpec)
    except msgspec.ValidationError as why:
        raise Invalid("Not valid", str(why)) from None


def waves_of(text: str) -> list[str]:
    """A line a wave."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def command_of(said: Mapping[str, str], plan: str) -> str:
    """The command that makes the same."""
    words = ["pyv-fleet rollout create"]
    for name in ("channel", "release", "soak", "deadline", "baseline"):
        words += [f"--{name} {shlex.quote(said[name])}"] if said[name] else []
    words += [f"--wave {shlex.quote(line)}" for line in waves_of(said["waves"])]
    words += [f"--{flag}" for flag in FLAGS if said[flag]]
    return " ".join([*words, f"--plan {plan}" if plan else "", "--reason WHY"]).replace("  ", " ")


async def _page(
    desk: Desk,
    frames: Frames,
    caller: Caller,
    said: Mapping[str, str],
    *,
    plan: Any = None,
    wrong: FleetError | None = None,
    reason: str = "",
    again: bool = False,
) -> Response[str]:
    """`again`: a plan that was refused is shown anew as it would be now."""
    if again:
        try:
            plan = await desk.plan_rollout(spec_of(said))
        except FleetError:
            plan = None
    return await frames.show(
        caller, HERE, "plan.html", status=wrong.status if wrong else 200,
        said=said, plan=plan, wrong=wrong, reason=reason, flags=FLAGS,
        channels=await desk.channels(), releases=(await desk.releases(None, RELEASES_SHOWN)).items,
        command=command_of(said, plan.digest if plan else ""),
    )  # fmt: skip


def _said(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: text_of(form, name) for name in (*FIELDS, *FLAGS)}


def _digest(text: str) -> str:
    if len(text) != 64:
        raise Invalid("No plan", "look at the plan first: what is made is what was shown")
    return text


ROUTES = (plan_form, create)

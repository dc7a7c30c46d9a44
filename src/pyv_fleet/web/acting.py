"""Acts on a rollout from its page: a form says what it resolves to, asks for a reason, and for the count if it takes
something from devices. The routes are forms': a session of the scope, a seal, and a page of this server."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter
from msgspec.structs import replace

from pyv_fleet.core.access import Caller
from pyv_fleet.core.views import AlertVerb, RolloutVerb, RolloutView
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import FleetError, Invalid, NotFound
from pyv_fleet.web.frame import ACTS, FORM_BYTES_MAX, AnyRequest, Frames, HasCaller, HasDesk, HasFrames, see_other
from pyv_fleet.web.said import count_of, reason_of, text_of
from pyv_fleet.web.verbs import UNDO, Resolved, Verb, body_of, resolved, verb_of, wave_of

Device = Annotated[str, QueryParameter(name="device", max_length=64)]


@get("/rollouts/{rollout_id:str}/{word:str}", opt=ACTS, media_type="text/html")
async def act_form(
    desk: HasDesk,
    frames: HasFrames,
    caller: HasCaller,
    rollout_id: FromPath[str],
    word: FromPath[str],
    device: Device = "",
) -> Response[str]:
    """What it would do now, and the form that does it."""
    return await _form(desk, frames, caller, await desk.rollout(rollout_id), _known(word), said={"device_ids": device})


@post("/rollouts/{rollout_id:str}/{word:str}", opt=ACTS, request_max_body_size=FORM_BYTES_MAX, media_type="text/html")
async def act(
    desk: HasDesk,
    frames: HasFrames,
    caller: HasCaller,
    request: AnyRequest,
    rollout_id: FromPath[str],
    word: FromPath[str],
) -> Response[str]:
    """Do it, and show what came of it; what is wrong is said above the form."""
    verb, form = _known(word), await request.form()
    seen = await desk.rollout(rollout_id)
    said = {name: text_of(form, name) for name in ("reason", "count", "device_ids", "wave")}
    try:
        return see_other(await _done(desk, caller, seen, verb, said))
    except FleetError as why:
        return await _form(desk, frames, caller, seen, verb, said=said, wrong=why)


@get("/alerts/{alert_id:str}/acknowledge", opt=ACTS, media_type="text/html")
async def acknowledge_form(
    frames: HasFrames, desk: HasDesk, caller: HasCaller, alert_id: FromPath[str]
) -> Response[str]:
    """The form by which an emergency leaves the page."""
    return await _emergency(frames, desk, caller, alert_id, None)


@post("/alerts/{alert_id:str}/acknowledge", opt=ACTS, request_max_body_size=FORM_BYTES_MAX, media_type="text/html")
async def acknowledge(
    frames: HasFrames, desk: HasDesk, caller: HasCaller, request: AnyRequest, alert_id: FromPath[str]
) -> Response[str]:
    """Somebody has seen it."""
    try:
        reason = reason_of(text_of(await request.form(), "reason"))
        await desk.acknowledge(alert_id, AlertVerb(reason=reason), caller.name or "")
    except Invalid as why:
        return await _emergency(frames, desk, caller, alert_id, why)
    return see_other("/")


async def _done(desk: Desk, caller: Caller, seen: RolloutView, verb: Verb, said: dict[str, str]) -> str:
    """Where to go on."""
    actor, reason = caller.name or "", reason_of(said["reason"])
    if verb.act is None:
        spec = await desk.undone_by(seen.id, RolloutVerb(reason=reason))
        asked = count_of(said["count"])
        return f"/rollbacks/{(await desk.rollbacks.start(replace(spec, expect_count=asked), actor)).id}"
    would = resolved(seen, verb)
    if would.count is not None and count_of(said["count"]) != would.count:
        raise Invalid("Another count", f"{would.sentence} You typed {said['count']}: nothing was done.")
    wave = int(said["wave"]) if said["wave"].isdigit() else None
    await desk.act_on_rollout(seen.id, verb.act, body_of(verb, reason, wave, said["device_ids"]), actor)
    return f"/rollouts/{seen.id}"


async def _form(
    desk: Desk,
    frames: Frames,
    caller: Caller,
    seen: RolloutView,
    verb: Verb,
    *,
    said: dict[str, str],
    wrong: FleetError | None = None,
) -> Response[str]:
    values: dict[str, Any] = {
        "rollout": seen,
        "verb": verb,
        "said": said,
        "wrong": wrong,
        "wave": wave_of(seen).index + 1,
    }
    here = f"/rollouts/{seen.id}/{verb.word}"
    would = await _undo(desk, seen) if verb.word == UNDO else resolved(seen, verb)
    return await frames.show(caller, here, "act.html", status=wrong.status if wrong else 200, would=would, **values)


async def _undo(desk: Desk, seen: RolloutView) -> Resolved:
    """Conflict if there is nothing to take back."""
    tried = await desk.rollbacks.start(
        replace(await desk.undone_by(seen.id, RolloutVerb(reason="?")), dry_run=True), ""
    )
    were = "device" if tried.devices == 1 else "devices"
    said = f"Channel {seen.channel} goes back to {tried.to_version}: {tried.devices} {were}, {tried.online} online."
    return Resolved(sentence=said, count=tried.devices)


async def _emergency(
    frames: Frames, desk: Desk, caller: Caller, alert_id: str, wrong: FleetError | None
) -> Response[str]:
    found = next((one for one in await desk.alerting.emergencies() if one.id == alert_id), None)
    if found is None:
        return see_other("/")
    here = f"/alerts/{alert_id}/acknowledge"
    return await frames.show(
        caller, here, "acknowledge.html", status=wrong.status if wrong else 200, alert=found, wrong=wrong
    )


def _known(word: str) -> Verb:
    verb = verb_of(word)
    if verb is None:
        raise NotFound("No such act", f"{word!r} is nothing that can be done with a rollout")
    return verb


ROUTES = (act_form, act, acknowledge_form, acknowledge)

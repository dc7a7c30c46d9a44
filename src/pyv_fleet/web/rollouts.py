"""The pages of rollouts: all of them, one with its waves, and the devices by which a wave is judged."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from pyv_fleet.core.views import AuditView, Page, RolloutVerb, RolloutView, WaveView
from pyv_fleet.core.words import MemberStanding, RolloutState, WaveState
from pyv_fleet.engine.desk import Desk
from pyv_fleet.engine.errors import Conflict
from pyv_fleet.web.frame import SEEN, HasCaller, HasDesk, HasFrames
from pyv_fleet.web.looks import Look, Looks
from pyv_fleet.web.rendering import render
from pyv_fleet.web.verbs import Verb, possible

A_PAGE: Final = 20
EVENTS_SHOWN: Final = 20
DEVICES_SHOWN: Final = 50
#: of a wave's bar, from its beginning: which standings, and their colour
_BAR: Final = (
    ("good", (MemberStanding.COMMITTED,)),
    ("bad", (MemberStanding.FAILED, MemberStanding.REVERTED, MemberStanding.UNHEALTHY, MemberStanding.LOST)),
    ("warn", (MemberStanding.WAITING, MemberStanding.RETRYING)),
)
After = Annotated[str | None, QueryParameter(name="after", max_length=256)]
Wave = Annotated[int | None, QueryParameter(name="wave", ge=1, le=100)]
Standing = Annotated[MemberStanding | None, QueryParameter(name="standing")]


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many members of a wave stand so."""

    standing: MemberStanding
    devices: int
    #: by the wave's budget; none = it has none
    allowed: int | None


class ShownWave(msgspec.Struct, frozen=True, kw_only=True):
    """A wave as the page shows it."""

    view: WaveView
    #: as `rollout` says: `left out` and `stopped` once it has ended
    chip: str
    counts: tuple[Count, ...]
    #: colour, where it begins and how long it is, of 100
    bar: tuple[tuple[str, float, float], ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as its page shows it."""

    rollout: RolloutView
    waves: tuple[ShownWave, ...]
    verbs: tuple[Verb, ...]
    events: tuple[AuditView, ...]


class RolloutLooks:
    """One look for all who have the same page open."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one = Looks(self._shown)
        self._newest = Look(lambda: desk.rollouts(None, A_PAGE))
        self._events: dict[str, tuple[int, tuple[AuditView, ...]]] = {}

    async def one(self, rollout_id: str) -> Shown:
        """A rollout as it is now; NotFound."""
        return await self._one.now(rollout_id)

    async def page(self, after: str | None) -> Page[RolloutView]:
        """Some rollouts, the newest first."""
        return await self._newest.now() if after is None else await self._desk.rollouts(after, A_PAGE)

    async def _shown(self, rollout_id: str) -> Shown:
        seen = await self._desk.rollout(rollout_id)
        return Shown(
            rollout=seen,
            waves=tuple(wave_of(wave, ended=seen.ended_at is not None) for wave in seen.waves),
            verbs=possible(seen, undoable=await self._undoable(seen)),
            events=await self._events_of(rollout_id),
        )

    async def _undoable(self, seen: RolloutView) -> bool:
        if seen.ended_at is None or seen.state is RolloutState.REVERTED:
            return False
        try:
            await self._desk.undone_by(seen.id, RolloutVerb(reason="?"))
        except Conflict:
            return False
        return True

    async def _events_of(self, rollout_id: str) -> tuple[AuditView, ...]:
        """Asked for again only when the log has a new line: it is read whole for that."""
        newest = await self._desk.audit_log.newest()
        known = self._events.get(rollout_id)
        if known is None or known[0] != newest:
            if len(self._events) > A_PAGE:
                self._events.clear()
            known = newest, await self._desk.audit_log.of_subject(rollout_id, EVENTS_SHOWN)
            self._events[rollout_id] = known
        return known[1]


HasLooks = SkipValidation[NamedDependency[RolloutLooks]]


@get("/rollouts", opt=SEEN, media_type="text/html")
async def listed(frames: HasFrames, looks: HasLooks, caller: HasCaller, after: After = None) -> Response[str]:
    """All rollouts, the newest first."""
    return await frames.show(caller, "/rollouts", "rollouts.html", found=await looks.page(after), after=after)


@get("/page/rollouts", opt=SEEN, media_type="text/html")
async def listed_live(frames: HasFrames, looks: HasLooks, caller: HasCaller, after: After = None) -> str:
    """The list as it is now."""
    return render(
        "rollouts_live.html",
        frame=await frames.of(caller, "/rollouts"), found=await looks.page(after), after=after,
    )  # fmt: skip


@get("/rollouts/{rollout_id:str}", opt=SEEN, media_type="text/html")
async def shown(frames: HasFrames, looks: HasLooks, caller: HasCaller, rollout_id: FromPath[str]) -> Response[str]:
    """One rollout."""
    return await frames.show(caller, "/rollouts", "rollout.html", now=await looks.one(rollout_id))


@get("/page/rollouts/{rollout_id:str}", opt=SEEN, media_type="text/html")
async def shown_live(frames: HasFrames, looks: HasLooks, caller: HasCaller, rollout_id: FromPath[str]) -> str:
    """One rollout as it is now."""
    return render("rollout_live.html", frame=await frames.of(caller, "/rollouts"), now=await looks.one(rollout_id))


@get("/rollouts/{rollout_id:str}/devices", opt=SEEN, media_type="text/html")
async def devices(
    desk: HasDesk,
    frames: HasFrames,
    caller: HasCaller,
    rollout_id: FromPath[str],
    wave: Wave = None,
    standing: Standing = None,
    after: After = None,
) -> Response[str]:
    """Some devices by which a wave is judged; not live: a wave may be the whole fleet."""
    values: dict[str, Any] = {
        "rollout": await desk.rollout(rollout_id), "wave": wave, "standing": standing, "after": after,
        "standings": tuple(MemberStanding), "found": None, "why_not": "",
    }  # fmt: skip
    try:
        values["found"] = await desk.rollout_devices(rollout_id, wave, standing, after, DEVICES_SHOWN)
    except Conflict as why:
        values["why_not"] = why.detail
    return await frames.show(caller, "/rollouts", "rollout_devices.html", **values)


def wave_of(view: WaveView, *, ended: bool) -> ShownWave:
    """A wave with its counts, each by its own word, and its bar."""
    counts = _counts(view)
    said = {one.standing: one.devices for one in counts}
    bar, begins = [], 0.0
    for colour, standings in _BAR:
        length = 0.0 if not view.devices else 100 * sum(said.get(one, 0) for one in standings) / view.devices
        bar.append((colour, round(begins, 2), round(length, 2)))
        begins += length
    return ShownWave(view=view, chip=_chip(view, ended=ended), counts=counts, bar=tuple(bar))


def _chip(view: WaveView, *, ended: bool) -> str:
    if ended and view.verdict is None:
        return "left out" if view.state is WaveState.PENDING else "stopped"
    return str(view.verdict or view.state)


def _counts(view: WaveView) -> tuple[Count, ...]:
    """The tally counts who committed and is unhealthy twice; here each device stands once."""
    told: dict[MemberStanding, int] = {
        word: getattr(view, word.value)
        for word in MemberStanding
        if word not in (MemberStanding.APPLYING, MemberStanding.COMMITTED)
    }
    told[MemberStanding.COMMITTED] = view.committed - view.unhealthy
    told[MemberStanding.APPLYING] = max(0, view.devices - sum(told.values()))
    return tuple(
        Count(standing=word, devices=told[word], allowed=view.allowed.get(word.value))
        for word in MemberStanding
        if told[word]
    )


ROUTES = (listed, listed_live, shown, shown_live, devices)

"""A plan before anything is done: who would be in which wave, what changes for each, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.differences import Change, changes_between
from pyv_fleet.core.estimate import download_pace, download_seconds, planned_finish
from pyv_fleet.core.herd_check import herd_check
from pyv_fleet.core.policy import Freeze, unix_ms
from pyv_fleet.core.verdict import budgeted
from pyv_fleet.core.views import CheckView, DiffView, PlanView, PlanWaveView
from pyv_fleet.core.waves import Line, members, resolve
from pyv_fleet.engine.ground import rfc3339
from pyv_fleet.engine.releases import release_of
from pyv_fleet.engine.rollout_plans import Draft
from pyv_fleet.store import devices, releases, status
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import render
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.orders import Window
from pyvorin_edge.turns import CAN_TURNS
from pyvorin_edge.vocabulary import Clock, Connectivity, HealthStatus, Outcome

SHOWN_MAX: Final = 1_000
NAMED_MAX: Final = 20
DISK_FULL_PERCENT: Final = 95.0


async def preview(connection: AsyncConnection, draft: Draft, now_ms: int) -> PlanView:
    """All that `create` would do with this draft at this moment."""
    known = await status.get_many(connection, [device.device_id for device in draft.devices])
    waves = tuple(_waves(draft, known))
    bundle = release_of(draft.release).bundle
    sizes = (release_of(draft.release).config.size, 0 if bundle is None else bundle.size)
    checks = [*_checks(draft, list(known.values()), waves, sizes, now_ms), await _left_out(connection, draft)]
    begins = max(now_ms, 0 if draft.spec.start_at is None else unix_ms(draft.spec.start_at))
    return PlanView(
        digest=draft.digest,
        channel=draft.channel.name,
        release=draft.release.digest,
        version=draft.release.version,
        baseline=None if draft.baseline is None else draft.baseline.digest,
        baseline_version=None if draft.baseline is None else draft.baseline.version,
        devices=len(draft.devices),
        waves=waves,
        diffs=await _diffs(connection, draft, known.values()),
        checks=tuple(checks),
        approvals=draft.terms.approvals,
        finish_at=rfc3339(planned_finish(draft.waves, draft.terms.spread_seconds, begins, _fetching(draft))),
        download_bytes=sum(sizes) * len(draft.devices),
    )


def _waves(draft: Draft, known: Mapping[str, Known]) -> Iterable[PlanWaveView]:
    """Each wave as it would be if it opened now."""
    lines: list[Line] = []
    before: set[str] = set()
    for cohort, wave in zip(draft.cohorts, draft.waves, strict=True):
        lines.append(resolve(cohort, draft.population, draft.salt, lines))
        inside = members(lines, draft.population, draft.salt)
        new = [device_id for device_id in inside if device_id not in before]
        budgets = budgeted(draft.terms.budgets, len(inside))
        yield PlanWaveView(
            cohort=wave.cohort,
            soak_seconds=wave.soak_seconds,
            approve=wave.approve,
            devices=len(inside),
            online=sum(1 for device_id in inside if device_id in known and _online(known[device_id])),
            new=len(new),
            device_ids=tuple(new[:SHOWN_MAX]),
            allowed={standing.value: count for standing, count in budgets.items()},
        )
        before |= set(inside)


async def _diffs(connection: AsyncConnection, draft: Draft, known: Iterable[Known]) -> tuple[DiffView, ...]:
    """What changes for devices, those together that run the same now; the most numerous first."""
    alike: dict[tuple[str | None, str], list[Known]] = {}
    for one in known:
        alike.setdefault((one.status.running_release, one.device.overlay_digest), []).append(one)
    found = []
    for (running, _), some in sorted(alike.items(), key=lambda item: -len(item[1]))[:NAMED_MAX]:
        before = None if running is None else await releases.get(connection, running)
        overlay = some[0].device.overlay
        documents = [await _document(connection, one, overlay) for one in (before, draft.release)]
        found.append(
            DiffView(
                before=None if before is None else before.version,
                changes=tuple(_written(change) for change in changes_between(*documents)),
                bundle=_bundle_change(before, draft.release),
                devices=len(some),
                device_ids=tuple(one.device.device_id for one in some[:NAMED_MAX]),
            )
        )
    return tuple(found)


async def _document(connection: AsyncConnection, release: ReleaseRecord | None, overlay: dict[str, Any]) -> Any:
    blob = None if release is None else await releases.get_blob(connection, release.config_sha256)
    if release is None or blob is None:
        return {}
    try:
        return parse(render(blob, release.format, overlay), release.format)
    except ConfigError:
        return {}


def _written(change: Change) -> tuple[str, str | None, str | None]:
    return change.pointer, change.before, change.after


def _bundle_change(before: ReleaseRecord | None, after: ReleaseRecord) -> str | None:
    old = None if before is None else release_of(before).bundle
    new = release_of(after).bundle
    if old == new:
        return None
    said = ["none" if one is None else f"{one.name} {one.version}" for one in (old, new)]
    return f"{said[0]} → {said[1]}"


def _checks(
    draft: Draft, known: Sequence[Known], waves: Sequence[PlanWaveView], sizes: tuple[int, int], now_ms: int
) -> Iterable[CheckView]:
    yield _canary(draft, waves)
    yield _freeze(draft, now_ms)
    yield _window(draft, known)
    yield _herd(draft, known)
    yield _disk(known, sizes[1])
    yield _bandwidth(draft, sizes)
    yield _said("online", [one for one in known if not _online(one)], "offline now: they follow when they return")
    yield _said(
        "healthy", [one for one in known if one.status.health_status is HealthStatus.UNHEALTHY], "unhealthy now"
    )
    failed = [one for one in known if _failed_before(one, draft.release.digest)]
    yield _said("first try", failed, "failed with this release before: the new attempt lets them try again")


def _canary(draft: Draft, waves: Sequence[PlanWaveView]) -> CheckView:
    first = waves[0]
    if draft.spec.emergency:
        return CheckView(name="canary", good=False, detail="an emergency: no canary is asked for")
    if draft.baseline is None:
        return CheckView(name="canary", good=True, detail="the channel's first release: there is none to protect")
    strict = [kind for kind, count in first.allowed.items() if count == 0]
    said = f"{first.devices} of {len(draft.devices)} devices for {first.soak_seconds} s"
    said += f"; one {' or '.join(strict)} stops it" if strict else ""
    return CheckView(
        name="canary", good=first.online > 0, detail=said if first.online else f"{said}; none is online now"
    )


def _freeze(draft: Draft, now_ms: int) -> CheckView:
    frozen = [one for one in (msgspec.convert(raw, Freeze) for raw in draft.channel.freezes) if one.holds_at(now_ms)]
    if not frozen:
        return CheckView(name="freeze", good=True, detail="none now")
    said = f"no wave opens until {frozen[0].ends_at.isoformat()}: {frozen[0].reason}"
    return CheckView(name="freeze", good=False, detail=said)


def _window(draft: Draft, known: Sequence[Known]) -> CheckView:
    if draft.channel.window is None:
        return CheckView(name="window", good=True, detail="none: devices begin at once")
    unsure = [one for one in known if one.status.clock is Clock.UNSYNCED]
    if unsure:
        return _said("window", unsure, "without a synchronised clock: their window stays closed")
    return CheckView(name="window", good=True, detail="each device begins in its own window; deadlines wait for it")


def _herd(draft: Draft, known: Sequence[Known]) -> CheckView:
    channel = draft.channel
    window = None if channel.window is None else msgspec.convert(channel.window, Window)
    said = [one for one in known if one.status.caps is not None]
    unable = [one.device.device_id for one in said if CAN_TURNS not in (one.status.caps or ())]
    values = draft.values({one.device_id for one in draft.population})
    return herd_check(draft.herd, values, sum(wave.rounds for wave in draft.waves), window, unable)


def _disk(known: Sequence[Known], bundle_bytes: int) -> CheckView:
    full = [one for one in known if (one.status.disk_percent or 0.0) >= DISK_FULL_PERCENT]
    return _said(
        "disk", full, f"have {DISK_FULL_PERCENT:g} % of their disk in use, for {bundle_bytes:,} bytes of bundle"
    )


def _bandwidth(draft: Draft, sizes: tuple[int, int]) -> CheckView:
    each, total, terms = sum(sizes), sum(sizes) * len(draft.devices), draft.terms
    rate = draft.channel.download_bytes_per_second
    good, pace = download_pace(rate, _fetching(draft), terms.spread_seconds, terms.deadline_seconds)
    if draft.herd is not None:
        good, pace = good or _fetching(draft) < terms.deadline_seconds, f"{draft.herd}, {pace}"
    detail = f"{each:,} bytes a device, {total:,} in all, {pace}"
    return CheckView(name="bandwidth", good=good or sizes[1] == 0, detail=detail)


def _fetching(draft: Draft) -> int:
    before = None if draft.baseline is None else release_of(draft.baseline).bundle
    return download_seconds(before, release_of(draft.release).bundle, draft.channel.download_bytes_per_second)


async def _left_out(connection: AsyncConnection, draft: Draft) -> CheckView:
    everyone = await devices.count(connection, draft.channel.name)
    left = everyone - len(draft.devices)
    said = f"{left} of the channel's {everyone} devices are pinned, quarantined or held out" if left else "nobody"
    return CheckView(name="left out", good=True, detail=said)


def _said(name: str, some: Sequence[Known], what: str) -> CheckView:
    if not some:
        return CheckView(name=name, good=True, detail="all devices")
    more = f" and {len(some) - 1} more" if len(some) > 1 else ""
    return CheckView(name=name, good=False, detail=f"{some[0].device.device_id}{more} {what}")


def _online(known: Known) -> bool:
    return known.status.connectivity is Connectivity.ONLINE


def _failed_before(known: Known, release: str) -> bool:
    said = known.status
    return said.result_release == release and said.result_outcome in (Outcome.FAILED, Outcome.REJECTED)

"""What a fleet has under the kinds and names of documents, read through its API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyv_fleet.client import FleetClient
    from pyv_fleet.core.declared.planning import Fleet, Standing
    from pyv_fleet.core.views import ChannelView, GroupView, PolicyView, RolloutView


def fleet_of(client: FleetClient, rollouts: Iterable[str] = (), releases: Iterable[str] = ()) -> Fleet:
    """All policies, channels and groups, these rollouts by name, and the versions of these releases."""
    from pyv_fleet.core.declared.planning import Fleet, releases_named
    from pyv_fleet.core.words import DocumentKind

    standing = {
        DocumentKind.POLICY: {one.name: _policy(one) for one in client.policies()},
        DocumentKind.CHANNEL: {one.name: _channel(one) for one in client.channels()},
        DocumentKind.GROUP: {one.name: _group(one) for one in client.groups()},
        DocumentKind.ROLLOUT: {name: found for name in rollouts if (found := _rollout_named(client, name))},
    }
    specs = [one.spec for known in standing.values() for one in known.values()]
    return Fleet(standing, _versions(client, releases_named(specs) | set(releases)))


def rollouts_named(client: FleetClient) -> list[str]:
    """Names of all rollouts that have one, the oldest first."""
    return [one.name for one in client.rollouts() if one.name is not None][::-1]


def _versions(client: FleetClient, refs: Iterable[str]) -> dict[str, str]:
    from pyv_fleet.client import NotFound

    found: dict[str, str] = {}
    for ref in sorted(set(refs)):
        try:
            known = client.release(ref)
        except NotFound:
            continue
        found |= {known.digest: known.version, known.version: known.version}
    return found


def _policy(view: PolicyView) -> Standing:
    from pyv_fleet.core.declared.planning import Standing

    note = f"used by {', '.join(view.channels)}" if view.channels else ""
    return Standing(view.terms, view.etag, note, used_by=view.channels)


def _channel(view: ChannelView) -> Standing:
    from pyv_fleet.core.declared.planning import Standing

    kept = ""
    if view.devices:
        kept = f"{view.devices} devices are in it: move them first: pyv-fleet device set DEVICE --channel OTHER"
    elif view.generation:
        kept = "it has orders at the broker, which devices that come back obey: leave it as it is, empty"
    return Standing(view.terms, view.etag, f"{view.devices} devices on {view.golden_version or 'no release'}", kept)


def _group(view: GroupView) -> Standing:
    from pyv_fleet.core.declared.planning import Standing

    note = f"{view.members} members, {view.behind} behind: {view.because}"
    return Standing(view.spec, view.etag, note, leaving=view.leaving, devices=view.members)


def _rollout_named(client: FleetClient, name: str) -> Standing | None:
    from pyv_fleet.client import NotFound

    try:
        view = client.rollout(name)
    except NotFound:
        return None
    return _rollout(view) if view.name == name else None


def _rollout(view: RolloutView) -> Standing | None:
    from pyv_fleet.core.declared.planning import Standing

    if view.terms is None:
        return None
    kept = ""
    if view.ended_at is None:
        kept = f"it is {view.state}: end it first: pyv-fleet rollout abort {view.name} --reason …"
    return Standing(view.terms, note=f"{view.state}: {view.because}", kept=kept)

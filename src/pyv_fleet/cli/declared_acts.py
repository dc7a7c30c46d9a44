"""Carries out what was planned for documents, one after the other, through the API; each held to what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyv_fleet.cli.session import CliError, Exit
from pyv_fleet.core.words import DocumentAct, DocumentKind

if TYPE_CHECKING:
    from pyv_fleet.client import FleetClient
    from pyv_fleet.core.declared.planning import Step
    from pyv_fleet.core.differences import Change


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document, as it is shown."""

    kind: DocumentKind
    name: str
    act: DocumentAct
    changes: tuple[Change, ...] = ()
    note: str = ""


def outcome_of(step: Step, act: DocumentAct | None = None, note: str | None = None) -> Outcome:
    """A step as planned, or as it went."""
    return Outcome(
        kind=step.document.kind,
        name=step.document.name,
        act=act or step.act,
        changes=step.changes,
        note=step.note if note is None else note,
    )


def checked(client: FleetClient, steps: Sequence[Step], reason: str, *, reading: bool = False) -> tuple[Step, ...]:
    """The steps, each with what the controller says of it before anything is done: how many devices it touches.

    CliError with all that it refuses. `reading`: with a key that may only read, what cannot be tried is said to be so.
    """
    from pyv_fleet.client import ClientError, NotAllowed

    said: list[Step] = []
    errors: list[tuple[str, int]] = []
    for step in steps:
        try:
            said.append(_checked(client, step, reason))
        except ClientError as why:
            if reading and isinstance(why, NotAllowed):
                said.append(msgspec.structs.replace(step, note="not tried: this key may only read"))
                continue
            further = [line for line in why.errors if line not in str(why)]
            here = f"{step.document.place}: {step.document.title}: {why}"
            errors.append(("\n    ".join([here, *further]), why.exit_code))
    if errors:
        raise CliError("\n  ".join(["refused, and nothing was done:", *(one for one, _ in errors)]), errors[0][1])
    return tuple(said)


def perform(client: FleetClient, steps: Sequence[Step], reason: str) -> tuple[list[Outcome], int]:
    """What became of each document, and the exit code: 9 if a part was done and then one failed. What comes after one
    that failed is not begun."""
    from pyv_fleet.client import ClientError

    outcomes: list[Outcome] = []
    code = int(Exit.OK)
    for step in steps:
        if code or not step.acts:
            act = DocumentAct.NOT_REACHED if code and step.acts else step.act
            outcomes.append(outcome_of(step, act))
            continue
        try:
            verb = _DELETE if step.act is DocumentAct.DELETED else _APPLY
            outcomes.append(outcome_of(step, note=verb[step.document.kind](client, step, reason)))
        except ClientError as why:
            done = any(one.act in _DONE for one in outcomes)
            code = int(Exit.PARTLY_FAILED) if done else why.exit_code
            outcomes.append(outcome_of(step, DocumentAct.FAILED, str(why)))
    return outcomes, code


def _checked(client: FleetClient, step: Step, reason: str) -> Step:
    if not step.acts:
        return step
    document, spec = step.document, _spec(step)
    if document.kind is DocumentKind.GROUP:
        from pyv_fleet.core.views import GroupBody

        body = GroupBody(spec=spec, reason=reason, dry_run=True)
        would = client.put_group(document.name, body, seen=step.seen)
        note = f"{would.members} members, {would.behind} change, {spec.canary} first"
        return msgspec.structs.replace(step, note=note, devices=would.behind)
    if document.kind is DocumentKind.ROLLOUT:
        return msgspec.structs.replace(step, note=_planned(client, step, reason))
    return step


def _planned(client: FleetClient, step: Step, reason: str) -> str:
    """What a rollout would do under the terms that will hold."""
    found = client.plan_rollout(_rollout_spec(step, step.foreseen or step.document.spec, reason))
    waves = ", ".join(f"{wave.cohort}: {wave.devices}" for wave in found.waves)
    return f"{found.baseline_version or 'nothing'} to {found.version} on {found.devices} devices ({waves})"


def _put_policy(client: FleetClient, step: Step, reason: str) -> str:
    client.put_policy(step.document.name, _spec(step), reason=reason, seen=step.seen)
    return ""


def _put_channel(client: FleetClient, step: Step, reason: str) -> str:
    done = client.put_channel(step.document.name, _spec(step), reason=reason, seen=step.seen)
    return f"{done.devices} devices"


def _put_group(client: FleetClient, step: Step, reason: str) -> str:
    from pyv_fleet.core.views import GroupBody

    body = GroupBody(spec=_spec(step), reason=reason, expect_count=step.devices)
    done = client.put_group(step.document.name, body, seen=step.seen)
    return f"{done.members} members, {done.behind} behind: {done.because}"


def _create_rollout(client: FleetClient, step: Step, reason: str) -> str:
    done = client.create_rollout(_rollout_spec(step, step.document.spec, reason))
    return f"{done.state}; follow it: pyv-fleet rollout watch {step.document.name}"


def _delete_policy(client: FleetClient, step: Step, reason: str) -> str:
    client.delete_policy(step.document.name, reason)
    return ""


def _delete_channel(client: FleetClient, step: Step, reason: str) -> str:
    client.delete_channel(step.document.name, reason)
    return ""


def _delete_group(client: FleetClient, step: Step, reason: str) -> str:
    from pyv_fleet.core.views import GroupVerb

    done = client.move_group(step.document.name, "delete", GroupVerb(reason=reason, expect_count=step.devices))
    return f"its labels are taken away, its values in steps from {done.behind} devices"


def _forget_rollout(client: FleetClient, step: Step, reason: str) -> str:
    from pyv_fleet.core.views import RolloutVerb

    client.forget_rollout(step.document.name, RolloutVerb(reason=reason))
    return "its name is free; its history stays"


def _spec(step: Step) -> Any:
    return step.document.spec


def _rollout_spec(step: Step, terms: Any, reason: str) -> Any:
    from pyv_fleet.core.views import RolloutSpec

    said = {name: getattr(terms, name) for name in terms.__struct_fields__}
    return RolloutSpec(**said, name=step.document.name, reason=reason)


Verb = Callable[["FleetClient", "Step", str], str]
_APPLY: Final[Mapping[DocumentKind, Verb]] = {
    DocumentKind.POLICY: _put_policy,
    DocumentKind.CHANNEL: _put_channel,
    DocumentKind.GROUP: _put_group,
    DocumentKind.ROLLOUT: _create_rollout,
}
_DELETE: Final[Mapping[DocumentKind, Verb]] = {
    DocumentKind.POLICY: _delete_policy,
    DocumentKind.CHANNEL: _delete_channel,
    DocumentKind.GROUP: _delete_group,
    DocumentKind.ROLLOUT: _forget_rollout,
}
_DONE: Final = (DocumentAct.CREATED, DocumentAct.CHANGED, DocumentAct.DELETED)

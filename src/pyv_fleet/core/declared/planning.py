"""From documents and what stands in the fleet to acts: what is made, changed, left, deleted, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from pyv_fleet.core.declared.documents import Declared, without_defaults
from pyv_fleet.core.differences import Change, changes_between
from pyv_fleet.core.etags import NOTHING
from pyv_fleet.core.policy import DEFAULT, Asked, resolved
from pyv_fleet.core.views import ChannelBody, RolloutTerms
from pyv_fleet.core.words import DocumentAct, DocumentKind
from pyvorin_edge.errors import PyvorinError


class Standing(msgspec.Struct, frozen=True):
    """What the fleet has under a kind and name."""

    spec: msgspec.Struct
    #: by which a change is held to what was seen
    etag: str = NOTHING
    #: what is to be said of it: how far it is, who uses it
    note: str = ""
    #: why it cannot be deleted now, in words; empty = it can
    kept: str = ""
    #: names of the channels by which it is used
    used_by: tuple[str, ...] = ()
    #: it was deleted, and goes in steps
    leaving: bool = False
    #: that lose something with it, where that can be said
    devices: int | None = None


class Fleet(msgspec.Struct, frozen=True):
    """What was read of a fleet, to compare documents with it."""

    standing: Mapping[DocumentKind, Mapping[str, Standing]]
    #: versions by digest and by themselves
    versions: Mapping[str, str] = {}

    def of(self, kind: DocumentKind, name: str) -> Standing | None:
        """What stands there."""
        return self.standing.get(kind, {}).get(name)


class Step(msgspec.Struct, frozen=True):
    """What is to be done with one document."""

    document: Declared
    act: DocumentAct
    #: by path within its spec, secrets hidden
    changes: tuple[Change, ...] = ()
    #: the etag of what was seen
    seen: str = NOTHING
    note: str = ""
    #: that it touches, where that was asked for; none = not asked
    devices: int | None = None
    #: of a rollout that is made: with all its terms said, as its channel and policy will say them
    foreseen: RolloutTerms | None = None

    @property
    def acts(self) -> bool:
        """Whether there is something to do."""
        return self.act in (DocumentAct.CREATED, DocumentAct.CHANGED, DocumentAct.DELETED)


class PlanRefused(PyvorinError):
    """Documents that contradict each other or what stands; `conflict`: what stands is in the way, else it lacks."""

    def __init__(self, errors: Sequence[str], *, conflict: bool) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)
        self.conflict = conflict


def releases_named(specs: Iterable[msgspec.Struct]) -> frozenset[str]:
    """Versions and digests that specs name."""
    return frozenset(ref for spec in specs for ref in _refs(spec))


def with_versions(spec: Any, versions: Mapping[str, str]) -> msgspec.Struct:
    """A spec whose releases are named by version, so that it can be read and compared."""

    def named(ref: str) -> str:
        return versions.get(ref, ref)

    changed: msgspec.Struct = spec
    match spec:
        case ChannelBody():
            changed = replace(spec, hold_outs=tuple(replace(o, release=named(o.release)) for o in spec.hold_outs))
        case RolloutTerms():
            baseline = None if spec.baseline is None else named(spec.baseline)
            changed = replace(spec, release=named(spec.release), baseline=baseline)
    return changed


def plan(documents: Sequence[Declared], fleet: Fleet) -> tuple[Step, ...]:
    """What applying them would do, in the order in which it is done. PlanRefused: what they name is not there, or a
    rollout that was made is declared otherwise."""
    ordered = _in_order(documents)
    lacking = [error for one in ordered for error in _dangling(one, ordered, fleet)]
    if lacking:
        raise PlanRefused(lacking, conflict=False)
    steps = [_step(one, fleet) for one in ordered]
    against = [_already_made(step) for step in steps if _is_remade(step)] + list(_at_once(steps))
    against += [error for step in steps for error in _of_a_new_channel(step, fleet)]
    if against:
        raise PlanRefused(against, conflict=True)
    return tuple(_with_foreseen(step, ordered, fleet) for step in steps)


def plan_deletion(documents: Sequence[Declared], fleet: Fleet) -> tuple[Step, ...]:
    """What deleting them would do, what uses others first. PlanRefused with all that cannot be deleted."""
    going = {(one.kind, one.name) for one in documents}
    steps, errors = [], []
    for one in reversed(_in_order(documents)):
        stands = fleet.of(one.kind, one.name)
        if stands is None or stands.leaving:
            steps.append(Step(one, DocumentAct.ABSENT))
            continue
        users = [name for name in stands.used_by if (DocumentKind.CHANNEL, name) not in going]
        if stands.kept or users:
            errors.append(f"{one.title}: {stands.kept or f'channel {users[0]} names it: set another one there first'}")
        steps.append(Step(one, DocumentAct.DELETED, seen=stands.etag, note=stands.note, devices=stands.devices))
    if errors:
        raise PlanRefused(errors, conflict=True)
    return tuple(steps)


def _in_order(documents: Sequence[Declared]) -> list[Declared]:
    kinds = list(DocumentKind)
    return sorted(documents, key=lambda one: kinds.index(one.kind))


def _step(one: Declared, fleet: Fleet) -> Step:
    stands = fleet.of(one.kind, one.name)
    if stands is None or stands.leaving:
        seen = NOTHING if stands is None else stands.etag
        return Step(one, DocumentAct.CREATED, changes_between({}, without_defaults(one.spec)), seen)
    before, after = with_versions(stands.spec, fleet.versions), with_versions(one.spec, fleet.versions)
    changes = changes_between(msgspec.to_builtins(before), msgspec.to_builtins(after))
    act = DocumentAct.CHANGED if changes else DocumentAct.UNCHANGED
    return Step(one, act, changes, stands.etag, stands.note)


def _is_remade(step: Step) -> bool:
    return step.document.kind is DocumentKind.ROLLOUT and step.act is DocumentAct.CHANGED


def _already_made(step: Step) -> str:
    paths = ", ".join(change.pointer for change in step.changes)
    return (
        f"{step.document.place}: {step.document.title} was made otherwise ({paths}), and a rollout is made once "
        f"({step.note}): give the new one another name; with `supersede: true` it takes the other's place"
    )


def _at_once(steps: Sequence[Step]) -> Iterator[str]:
    """Two rollouts of one channel cannot begin together, whichever came first in the files."""
    begun: dict[str, Declared] = {}
    for step in steps:
        spec, one = step.document.spec, step.document
        if not isinstance(spec, RolloutTerms) or step.act is not DocumentAct.CREATED:
            continue
        if spec.channel in begun:
            yield (
                f"{one.place}: {one.title} and {begun[spec.channel].title} would begin together on {spec.channel}: "
                "keep the newest in the files, and take those away that have ended"
            )
        begun[spec.channel] = one


def _of_a_new_channel(step: Step, fleet: Fleet) -> Iterator[str]:
    spec, one = step.document.spec, step.document
    if not isinstance(spec, RolloutTerms) or step.act is not DocumentAct.CREATED:
        return
    if fleet.of(DocumentKind.CHANNEL, spec.channel) is None:
        yield (
            f"{one.place}: {one.title}: its channel is made by these files and has no device yet to try the release "
            "on: apply the channel first, and the rollout when devices are in it"
        )


def _with_foreseen(step: Step, documents: Sequence[Declared], fleet: Fleet) -> Step:
    """A rollout that is made, with the terms that hold once its channel and policy stand as declared."""
    spec = step.document.spec
    if step.act is not DocumentAct.CREATED or not isinstance(spec, RolloutTerms):
        return step
    declared = {(one.kind, one.name): one.spec for one in documents}

    def spec_of(kind: DocumentKind, name: str) -> Any:
        stands = fleet.of(kind, name)
        return declared.get((kind, name), None if stands is None else stands.spec)

    policy = spec_of(DocumentKind.CHANNEL, spec.channel).policy
    whole = resolved(spec, DEFAULT if policy is None else spec_of(DocumentKind.POLICY, policy) or DEFAULT)
    said = {name: getattr(whole, name) for name in Asked.__struct_fields__}
    return replace(step, foreseen=replace(spec, **said))


def _dangling(one: Declared, documents: Sequence[Declared], fleet: Fleet) -> Iterator[str]:
    """What a document names that is neither there nor declared beside it."""
    for kind, name in _NAMES_OTHERS.get(one.kind, _nobody)(one.spec):
        declared = any((other.kind, other.name) == (kind, name) for other in documents)
        if not declared and fleet.of(kind, name) is None:
            yield f"{one.place}: {one.title} names {kind.lower()} {name!r}, which is neither there nor declared here"
    for ref in sorted(_refs(one.spec)):
        if ref not in fleet.versions:
            yield f"{one.place}: {one.title} names release {ref!r}, which was not uploaded"


def _refs(spec: Any) -> frozenset[str]:
    match spec:
        case ChannelBody():
            return frozenset(one.release for one in spec.hold_outs)
        case RolloutTerms():
            return frozenset(ref for ref in (spec.release, spec.baseline) if ref is not None)
    return frozenset()


def _nobody(spec: Any) -> Iterator[tuple[DocumentKind, str]]:
    yield from ()


def _of_channel(spec: Any) -> Iterator[tuple[DocumentKind, str]]:
    if spec.policy is not None:
        yield DocumentKind.POLICY, spec.policy


def _of_rollout(spec: Any) -> Iterator[tuple[DocumentKind, str]]:
    yield DocumentKind.CHANNEL, spec.channel


_NAMES_OTHERS: Final[Mapping[DocumentKind, Callable[[Any], Iterator[tuple[DocumentKind, str]]]]] = {
    DocumentKind.CHANNEL: _of_channel,
    DocumentKind.ROLLOUT: _of_rollout,
}
"""Which others a document names."""

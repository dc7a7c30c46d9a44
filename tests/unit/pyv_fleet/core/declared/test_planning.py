"""From documents and a fleet to acts: what is made, changed, left, deleted, refused."""

from __future__ import annotations

import pytest

from pyv_fleet.core.declared.documents import Declared
from pyv_fleet.core.declared.planning import Fleet, PlanRefused, Standing, plan, plan_deletion, with_versions
from pyv_fleet.core.policy import HoldOut, Policy
from pyv_fleet.core.views import ChannelBody, GroupSpec, RolloutTerms
from pyv_fleet.core.words import DocumentAct, DocumentKind

DIGEST = "ab" * 32
VERSIONS = {DIGEST: "1.0", "1.0": "1.0"}
POLICY = Declared(DocumentKind.POLICY, "careful", Policy(soak_seconds=7))
CHANNEL = Declared(DocumentKind.CHANNEL, "stable", ChannelBody(policy="careful"))
GROUP = Declared(DocumentKind.GROUP, "sites", GroupSpec(everyone=True, values={"a": 1}))
ROLLOUT = Declared(DocumentKind.ROLLOUT, "one", RolloutTerms(channel="stable", release="1.0"))


def fleet(*standing: tuple[Declared, Standing]) -> Fleet:
    return Fleet({kind: {d.name: s for d, s in standing if d.kind is kind} for kind in DocumentKind}, VERSIONS)


def test_what_others_need_comes_before_them_and_what_is_new_is_held_to_being_new() -> None:
    steps = plan([ROLLOUT, GROUP, CHANNEL, POLICY], fleet((CHANNEL, Standing(ChannelBody(), "e"))))
    assert [step.document for step in steps] == [POLICY, CHANNEL, GROUP, ROLLOUT]
    created, changed = DocumentAct.CREATED, DocumentAct.CHANGED
    assert [(step.act, step.seen) for step in steps] == [(created, ""), (changed, "e"), (created, ""), (created, "")]


def test_a_rollout_is_tried_under_the_terms_that_its_channel_and_policy_will_have() -> None:
    steps = plan([ROLLOUT, CHANNEL, POLICY], fleet((CHANNEL, Standing(ChannelBody(), "e"))))
    assert steps[2].foreseen is not None
    assert (steps[2].foreseen.soak_seconds, steps[2].foreseen.waves) == (7, ("1%", "100%"))
    stands = fleet((CHANNEL, Standing(CHANNEL.spec)), (POLICY, Standing(Policy(approvals=2))))
    (step,) = plan([ROLLOUT], stands)
    assert step.foreseen is not None
    assert step.foreseen.approvals == 2


def test_a_channel_that_is_only_made_has_no_device_to_try_a_release_on() -> None:
    with pytest.raises(PlanRefused, match="no device yet"):
        plan([ROLLOUT, CHANNEL, POLICY], fleet())


def test_what_stands_as_declared_is_left() -> None:
    known = fleet(*((one, Standing(one.spec, "e")) for one in (POLICY, CHANNEL, GROUP, ROLLOUT)))
    assert {step.act for step in plan([POLICY, CHANNEL, GROUP, ROLLOUT], known)} == {DocumentAct.UNCHANGED}


@pytest.mark.parametrize("value", [1.0, True, "1", None])
def test_a_value_of_another_type_is_a_change_and_is_held_to_what_was_seen(value: object) -> None:
    stands = Standing(GroupSpec(everyone=True, values={"a": value}), "e")
    (step,) = plan([GROUP], fleet((GROUP, stands)))
    assert (step.act, step.seen) == (DocumentAct.CHANGED, "e")
    assert [change.pointer for change in step.changes] == ["/values/a"]


def test_a_secret_value_changes_and_does_not_show() -> None:
    stands = Standing(GroupSpec(everyone=True, values={"cloud": {"api_key": "old-and-secret"}}), "e")
    declared = Declared(
        DocumentKind.GROUP, "sites", GroupSpec(everyone=True, values={"cloud": {"api_key": "new-secret"}})
    )
    (step,) = plan([declared], fleet((declared, stands)))
    assert step.act is DocumentAct.CHANGED
    assert "secret" not in repr(step.changes).replace("secret changed", "")


def test_a_release_is_the_same_by_version_and_by_digest() -> None:
    stored = ChannelBody(hold_outs=(HoldOut(where={"a": ("b",)}, release=DIGEST),))
    declared = Declared(DocumentKind.CHANNEL, "a", with_versions(stored, VERSIONS))
    assert "1.0" in repr(declared.spec)
    (step,) = plan([declared], fleet((declared, Standing(stored))))
    assert step.act is DocumentAct.UNCHANGED
    by_digest = Declared(DocumentKind.ROLLOUT, "one", RolloutTerms(channel="stable", release=DIGEST))
    known = fleet((ROLLOUT, Standing(ROLLOUT.spec)), (CHANNEL, Standing(CHANNEL.spec)))
    assert plan([by_digest], known)[0].act is DocumentAct.UNCHANGED


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (CHANNEL, "names policy 'careful'"),
        (ROLLOUT, "names channel 'stable'"),
        (Declared(DocumentKind.ROLLOUT, "x", RolloutTerms(channel="stable", release="9")), "names release '9'"),
    ],
)
def test_what_is_neither_there_nor_declared_is_refused(document: Declared, said: str) -> None:
    with pytest.raises(PlanRefused, match=said) as refused:
        plan([document], fleet())
    assert not refused.value.conflict


def test_a_rollout_is_made_once_and_one_at_a_time() -> None:
    other = Declared(DocumentKind.ROLLOUT, "one", RolloutTerms(channel="stable", release="1.0", soak_seconds=1))
    stands = (CHANNEL, Standing(CHANNEL.spec))
    with pytest.raises(PlanRefused, match="another name") as refused:
        plan([other], fleet((other, Standing(ROLLOUT.spec)), stands))
    assert refused.value.conflict
    second = Declared(DocumentKind.ROLLOUT, "two", ROLLOUT.spec)
    with pytest.raises(PlanRefused, match="would begin together"):
        plan([ROLLOUT, second], fleet(stands))
    assert plan([ROLLOUT, second], fleet(stands, (ROLLOUT, Standing(ROLLOUT.spec))))[1].act is DocumentAct.CREATED


def test_what_goes_goes_before_what_it_uses_and_what_is_not_there_is_no_mistake() -> None:
    known = fleet((POLICY, Standing(POLICY.spec, used_by=("stable",))), (CHANNEL, Standing(CHANNEL.spec)))
    steps = plan_deletion([POLICY, CHANNEL, GROUP], known)
    assert [(step.document, step.act) for step in steps] == [
        (GROUP, DocumentAct.ABSENT),
        (CHANNEL, DocumentAct.DELETED),
        (POLICY, DocumentAct.DELETED),
    ]


def test_what_is_in_use_is_refused_with_all_its_reasons() -> None:
    known = fleet(
        (POLICY, Standing(POLICY.spec, used_by=("beta",))),
        (CHANNEL, Standing(CHANNEL.spec, kept="2 devices are in it")),
    )
    with pytest.raises(PlanRefused) as refused:
        plan_deletion([POLICY, CHANNEL], known)
    assert refused.value.errors == (
        "channel/stable: 2 devices are in it",
        "policy/careful: channel beta names it: set another one there first",
    )


def test_a_group_that_goes_is_made_anew_and_not_deleted_twice() -> None:
    leaving = fleet((GROUP, Standing(GROUP.spec, "e", leaving=True)))
    assert [(step.act, step.seen) for step in plan([GROUP], leaving)] == [(DocumentAct.CREATED, "e")]
    assert plan_deletion([GROUP], leaving)[0].act is DocumentAct.ABSENT

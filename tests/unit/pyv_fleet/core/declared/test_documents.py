"""Documents as typed values: strict, all mistakes at once, and back again without defaults."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_fleet.core.declared.documents import SPECS, Declared, DocumentsRefused, documents_of, plain
from pyv_fleet.core.declared.planning import Fleet, Standing, plan, releases_named
from pyv_fleet.core.declared.text import Raw, read_yaml, written
from pyv_fleet.core.policy import Freeze, HoldOut, Policy, WaveTerms
from pyv_fleet.core.views import ChannelBody, GroupSpec, RolloutTerms
from pyv_fleet.core.words import DocumentAct, DocumentKind
from pyvorin_edge.orders import Window

SPEC: dict[str, dict[str, Any]] = {"Group": {"everyone": True}, "Rollout": {"channel": "a", "release": "1"}}


def document(kind: str = "Channel", name: Any = "stable", **spec: Any) -> dict[str, Any]:
    said = {**SPEC.get(kind, {}), **spec}
    return {"apiVersion": "fleet.pyvorin/v1", "kind": kind, "metadata": {"name": name}, "spec": said}


def refused(*values: Any) -> str:
    with pytest.raises(DocumentsRefused) as why:
        documents_of([("a.yaml", [Raw(value, number) for number, value in enumerate(values, 1)])])
    return "\n".join(why.value.errors)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "a mapping with the keys apiVersion"),
        ({}, "lacks the key apiVersion"),
        ({**document(), "status": {}}, "status: unknown"),
        ({**document(), "apiVersion": "v1"}, "write fleet.pyvorin/v1"),
        (document("Device"), "none of Policy, Channel, Group, Rollout"),
        ({**document(), "kind": ["Channel"]}, "kind: ['Channel']"),
        ({**document(), "metadata": {"name": "a", "labels": {}}}, "metadata.labels: unknown"),
        ({**document(), "spec": None}, "spec: a mapping is needed"),
        (document(name="No Name"), "metadata.name: 'No Name': small letters"),
        (document(name="a\n"), "metadata.name"),
        (document("Group", "-a"), "metadata.name"),
        (document(beat_second=1), "spec.beat_second: unknown"),
        (document(beat_seconds="1"), "spec.beat_seconds: Expected `int`"),
        (document(beat_seconds=True), "spec.beat_seconds: Expected `int`"),
        (document(drift_policy="hope"), "spec.drift_policy"),
        (document(window={"activat": None}), "spec.window.activat: unknown; known are activate, download"),
        (document(window={"activate": {"days": ["mon"], "from": "22:00", "to": "05:00", "till": 1}}), "activate.till"),
        (document(freezes=[{"begins_at": "2026-12-20T00:00:00", "ends_at": "2026", "reason": "x"}]), "spec.freezes[0]"),
        (
            document(freezes=[{"begins_at": "2026-12-20T00:00:00Z", "ends_at": "2026-12-20T00:00:00Z", "reason": "x"}]),
            "spec.freezes[0]: ends before it begins",
        ),
        (document("Policy", waves=["1%"]), "spec.waves"),
        (document("Policy", waves=["1% hope", "100%"]), "spec.waves"),
        (document("Policy", budgets={"failed": 1}), "spec.budgets.failed: unknown"),
        (document("Group", everyone=False), "who is in?"),
        (document("Group", labels={"a b": "c"}), "a b"),
        (document("Rollout", waves=["1%"]), "spec.waves"),
        (document("Rollout", emergency=True), "spec.emergency: unknown"),
        (document("Rollout", reason="x"), "spec.reason: unknown"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(value: Any, said: str) -> None:
    assert said in refused(value)


def test_all_mistakes_of_all_documents_are_said_at_once() -> None:
    said = refused({**document(), "a": 1, "b": 2}, document("Group", everyone=False), document(), document())
    assert all(one in said for one in ("a: unknown", "b: unknown", "who is in?"))
    assert "a.yaml, document 4: channel/stable stands in a.yaml, document 3 too" in said


def test_a_mistake_is_said_with_its_line_or_that_of_what_holds_it() -> None:
    text = "apiVersion: fleet.pyvorin/v1\nkind: Channel\nmetadata:\n  name: a\n"
    text += "spec:\n  window:\n    activate: {days: []}\n"
    with pytest.raises(DocumentsRefused, match=r"a\.yaml:7: document 1: spec\.window\.activate"):
        documents_of([("a.yaml", read_yaml(text.encode()))])


def test_what_has_its_default_is_not_written() -> None:
    assert plain(DocumentKind.CHANNEL, "a", ChannelBody(beat_seconds=60, report_seconds=7))["spec"] == {
        "report_seconds": 7
    }
    policy = Policy(waves=(WaveTerms(cohort="1"), "100%"))
    assert plain(DocumentKind.POLICY, "a", policy)["spec"] == {"waves": [{"cohort": "1"}, "100%"]}
    assert plain(DocumentKind.ROLLOUT, "a", RolloutTerms(channel="a", release="1", approvals=0))["spec"] == {
        "channel": "a", "release": "1", "approvals": 0,
    }  # fmt: skip


def test_every_kind_has_its_spec() -> None:
    assert set(SPECS) == set(DocumentKind)


names = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
config = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text("ab:#-é\n ", max_size=5) | st.none(),
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=5,
)
moments = st.datetimes(
    dt.datetime(2026, 1, 1),
    dt.datetime(2030, 1, 1),
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=2))]),
)
freezes = st.builds(
    lambda at, reason: Freeze(begins_at=at, ends_at=at + dt.timedelta(days=1), reason=reason), moments, names
)
spans = st.fixed_dictionaries({"days": st.just(["mon", "sun"]), "from": st.just("22:00"), "to": st.just("05:30")})
windows = st.fixed_dictionaries({}, optional={"activate": spans, "download": st.none() | spans}).map(
    lambda value: msgspec.convert(value, Window)
)
hold_outs = st.builds(HoldOut, where=st.dictionaries(names, st.tuples(names), min_size=1, max_size=2), release=names)
waves = st.sampled_from([("1%", "100%"), (WaveTerms(cohort="1", soak_seconds=5), "100% approve"), ("100%",)])
terms = {"soak_seconds": st.integers(0, 9), "waves": waves, "approvals": st.integers(0, 8)}
specs = st.one_of(
    st.tuples(st.just(DocumentKind.POLICY), st.builds(Policy, **terms)),
    st.tuples(
        st.just(DocumentKind.CHANNEL),
        st.builds(
            ChannelBody, beat_seconds=st.sampled_from([0, 60]), window=st.none() | windows, policy=st.none() | names,
            freezes=st.lists(freezes, max_size=2).map(tuple), hold_outs=st.lists(hold_outs, max_size=2).map(tuple),
        ),
    ),
    st.tuples(
        st.just(DocumentKind.GROUP),
        st.builds(GroupSpec, everyone=st.just(True), values=st.dictionaries(names, config, max_size=3),
                  labels=st.dictionaries(names, names, max_size=2), canary=st.integers(1, 3)),
    ),
    st.tuples(
        st.just(DocumentKind.ROLLOUT),
        st.builds(RolloutTerms, channel=names, release=names, start_at=st.none() | moments, **terms),
    ),
)  # fmt: skip


def standing_as(kind: DocumentKind, spec: Any, name: str) -> Fleet:
    """A fleet that has it, and whatever it names."""
    others = {
        DocumentKind.POLICY: {getattr(spec, "policy", None): Standing(Policy())},
        DocumentKind.CHANNEL: {getattr(spec, "channel", None): Standing(ChannelBody())},
    }
    return Fleet({**others, kind: {name: Standing(spec)}}, {ref: ref for ref in releases_named([spec])})


@settings(deadline=None, max_examples=50)
@given(specs, names)
def test_what_is_written_of_a_spec_is_read_back_as_the_same_spec(spec: tuple[DocumentKind, Any], name: str) -> None:
    text = written([plain(spec[0], name, spec[1])])
    found = documents_of([("a", read_yaml(text.encode()))])
    assert found == (Declared(spec[0], name, spec[1], "a, document 1"),)
    assert [step.act for step in plan(found, standing_as(*spec, name))] == [DocumentAct.UNCHANGED]

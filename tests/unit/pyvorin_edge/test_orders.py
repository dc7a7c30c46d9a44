"""Orders: malformed and unsupported are told apart and named; golden is one function with the vectors' answers."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge import orders
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName, order_hash
from pyvorin_edge.orders import Assignment, Directive, OrderError, Pace, Release, Request, Rule, Target, golden
from pyvorin_edge.vocabulary import DriftPolicy, Refusal, RuleKind

VECTORS = Path(__file__).parent / "vectors"
GOLDEN = json.loads((VECTORS / "golden.json").read_text())["cases"]
OVERLAYS = json.loads((VECTORS / "overlays.json").read_text())["cases"]

OLD, NEW = Digest("bb" * 32), Digest("aa" * 32)
REST = Rule(kind=RuleKind.RELEASE, release=OLD, attempt=1)
RULE = {"kind": "release", "release": OLD, "attempt": 1}
DIRECTIVE: dict[str, Any] = {
    "v": 1,
    "fleet": "acme",
    "channel": "stable",
    "epoch": 1,
    "generation": 5,
    "rules": [RULE],
    "pace": {},
    "drift": {},
    "issued_at": 1,
    "expires_at": 2,
    "reason": "first",
    "issued_by": "ann",
}
ASSIGNMENT: dict[str, Any] = {
    "v": 1,
    "fleet": "acme",
    "epoch": 1,
    "device_id": "demo-1",
    "number": 1,
    "channel": "stable",
    "issued_at": 1,
    "issued_by": "ann",
}
RELEASE: dict[str, Any] = {
    "v": 1,
    "fleet": "acme",
    "version": "1.0",
    "config": {"sha256": "cc" * 32, "size": 10, "format": "toml"},
    "golden_hash": "dd" * 32,
    "form": "sorted-json-1",
}
REQUEST: dict[str, Any] = {
    "v": 1,
    "fleet": "acme",
    "epoch": 1,
    "request_id": "r1",
    "verb": "report",
    "issued_at": 1,
    "expires_at": 2,
    "device_id": "demo-1",
}
KINDS: dict[type, dict[str, Any]] = {
    Directive: DIRECTIVE,
    Assignment: ASSIGNMENT,
    Release: RELEASE,
    Request: REQUEST,
}


def decode(kind: Any, value: Any) -> Any:
    return orders.decode_order(json.dumps(value).encode(), kind)


def refused(kind: Any, value: Any) -> OrderError:
    with pytest.raises(OrderError) as why:
        decode(kind, value)
    return why.value


def directive(*rules: Rule, **changed: Any) -> Directive:
    return msgspec.structs.replace(decode(Directive, DIRECTIVE), rules=rules, **changed)


def assignment(**changed: Any) -> Assignment:
    return msgspec.structs.replace(decode(Assignment, ASSIGNMENT), **changed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_order_reads_back_as_it_was_written(kind: Any) -> None:
    order = decode(kind, KINDS[kind])
    assert orders.decode_order(orders.encode_order(order), kind) == order


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, value in KINDS.items() for field in value if field != "v"]
)
def test_a_missing_required_field_is_malformed_and_named(kind: Any, field: str) -> None:
    if (kind, field) == (Request, "device_id"):
        assert "device_id or shard" in refused(kind, {k: v for k, v in REQUEST.items() if k != field}).detail
        return
    why = refused(kind, {key: value for key, value in KINDS[kind].items() if key != field})
    assert (why.code, f"`{field}`" in why.detail) == (Refusal.MALFORMED, True)


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind, value in KINDS.items() for field, one in value.items() if isinstance(one, str)],
)
@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_field_is_refused_and_named(kind: Any, field: str, blank: str) -> None:
    why = refused(kind, KINDS[kind] | {field: blank})
    assert f"$.{field}" in why.detail
    if field not in ("verb", "form"):  # an unknown word of a closed set
        assert why.code is Refusal.MALFORMED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("v", [0, 2, "1", None, True, [1]])
def test_another_version_is_unsupported(kind: Any, v: Any) -> None:
    why = refused(kind, KINDS[kind] | {"v": v})
    assert why.code is Refusal.UNSUPPORTED
    assert why.detail.startswith("v:")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_unknown_field_is_ignored_unless_crit_names_it(kind: Any) -> None:
    value = KINDS[kind] | {"novelty": 1}
    assert decode(kind, value) == decode(kind, KINDS[kind])
    why = refused(kind, value | {"crit": ["novelty"]})
    assert why.code is Refusal.UNSUPPORTED
    assert "novelty" in why.detail
    assert decode(kind, KINDS[kind] | {"crit": ["fleet"]}).crit == ("fleet",)


@pytest.mark.parametrize("crit", [1, "fleet", {}, [1], [[1]], [{}], [None], None])
def test_a_crit_that_is_no_list_of_known_names_is_unsupported(crit: Any) -> None:
    assert refused(Directive, DIRECTIVE | {"crit": crit}).code is Refusal.UNSUPPORTED


@pytest.mark.parametrize(
    ("kind", "changed", "code", "named"),
    [
        (Directive, {"rules": [RULE | {"kind": "teleport"}]}, Refusal.UNSUPPORTED, "kind"),
        (Directive, {"drift": {"policy": "shrug"}}, Refusal.UNSUPPORTED, "policy"),
        (Request, {"verb": "dance"}, Refusal.UNSUPPORTED, "verb"),
        (Release, {"gate": {"require": {"moon": "full"}}}, Refusal.UNSUPPORTED, "moon"),
        (Release, {"gate": {"require": {"health": "splendid"}}}, Refusal.UNSUPPORTED, "health"),
        (Release, {"gate": {"require": {"adapters_connected": "some"}}}, Refusal.UNSUPPORTED, "adapters_connected"),
        (Release, {"form": "sorted-json-2"}, Refusal.UNSUPPORTED, "form"),
        (Release, {"config": RELEASE["config"] | {"format": "yaml"}}, Refusal.UNSUPPORTED, "format"),
        (Release, {"config": RELEASE["config"] | {"size": 65537}}, Refusal.MALFORMED, "size"),
        (Release, {"config": RELEASE["config"] | {"sha256": "CC" * 32}}, Refusal.MALFORMED, "sha256"),
        (Release, {"golden_hash": "dd" * 32 + "\n"}, Refusal.MALFORMED, "golden_hash"),
        (Release, {"version": "1.0\n"}, Refusal.MALFORMED, "version"),
        (Release, {"version": "../1"}, Refusal.MALFORMED, "version"),
        (Directive, {"channel": "stable\n"}, Refusal.MALFORMED, "channel"),
        (Directive, {"channel": "a/b"}, Refusal.MALFORMED, "channel"),
        (Directive, {"fleet": "a b"}, Refusal.MALFORMED, "fleet"),
        (Directive, {"generation": 0}, Refusal.MALFORMED, "generation"),
        (Directive, {"generation": 2**63}, Refusal.MALFORMED, "generation"),
        (Directive, {"generation": "5"}, Refusal.MALFORMED, "generation"),
        (Directive, {"epoch": -1}, Refusal.MALFORMED, "epoch"),
        (Directive, {"rules": []}, Refusal.MALFORMED, "rules"),
        (Directive, {"rules": [RULE] * 17}, Refusal.MALFORMED, "rules"),
        (Directive, {"rules": [RULE | {"ids": ["demo-1"]}]}, Refusal.MALFORMED, "rules[0]"),
        (Directive, {"rules": [RULE | {"hold": True}]}, Refusal.MALFORMED, "rules[0]"),
        (Directive, {"rules": [RULE | {"ids": []}, RULE]}, Refusal.MALFORMED, "ids"),
        (Directive, {"rules": [RULE | {"ids": ["a"] * 33}, RULE]}, Refusal.MALFORMED, "ids"),
        (Directive, {"rules": [RULE | {"ids": ["a/b"]}, RULE]}, Refusal.MALFORMED, "ids"),
        (Directive, {"rules": [RULE | {"where": {}}, RULE]}, Refusal.MALFORMED, "rules[0].where"),
        (Directive, {"rules": [RULE | {"where": {"site": []}}, RULE]}, Refusal.MALFORMED, "rules[0].where"),
        (Directive, {"rules": [RULE | {"below": "0" * 16}, RULE]}, Refusal.MALFORMED, "rules[0]"),
        (Directive, {"rules": [RULE | {"salt": "r-1"}, RULE]}, Refusal.MALFORMED, "rules[0]"),
        (Directive, {"rules": [RULE | {"salt": "r", "below": "F" * 16}, RULE]}, Refusal.MALFORMED, "below"),
        (Directive, {"rules": [RULE, RULE | {"salt": "r", "below": "0" * 16}]}, Refusal.MALFORMED, "rules[1]"),
        (Directive, {"pace": {"report_seconds": 0}}, Refusal.MALFORMED, "report_seconds"),
        (Directive, {"pace": {"keepalive_seconds": 4}}, Refusal.MALFORMED, "keepalive_seconds"),
        (
            Directive,
            {"window": {"activate": {"days": ["mon"], "from": "24:00", "to": "1:00"}}},
            Refusal.MALFORMED,
            "from",
        ),
        (Directive, {"window": {"activate": {"days": [], "from": "02:00", "to": "04:00"}}}, Refusal.MALFORMED, "days"),
        (Assignment, {"device_id": "a b"}, Refusal.MALFORMED, "device_id"),
        (Assignment, {"labels": {str(n): "x" for n in range(17)}}, Refusal.MALFORMED, "labels"),
        (Assignment, {"overlay": [1]}, Refusal.MALFORMED, "overlay"),
        (Assignment, {"pin": {"release": OLD, "attempt": 1}}, Refusal.MALFORMED, "kind"),
        (Request, {"shard": "26"}, Refusal.MALFORMED, "device_id or shard"),
        (Request, {"device_id": None, "shard": "6"}, Refusal.MALFORMED, "shard"),
    ],
)
def test_what_is_wrong_is_told_apart_and_named(kind: Any, changed: dict[str, Any], code: Refusal, named: str) -> None:
    why = refused(kind, KINDS[kind] | changed)
    assert (why.code, named in why.detail) == (code, True), why.detail


@pytest.mark.parametrize("payload", [b"", b"[]", b"1", b"null", b"{", b'{"v":1,"v":1}', b"\xff", b"[" * 9000])
def test_what_is_no_object_is_malformed(payload: bytes) -> None:
    with pytest.raises(OrderError) as why:
        orders.decode_order(payload, Directive)
    assert why.value.code in (Refusal.MALFORMED, Refusal.UNSUPPORTED)


@given(st.sampled_from(list(KINDS)), st.data())
def test_any_value_in_any_field_is_read_or_refused_without_a_crash(kind: Any, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([one.encode_name for one in msgspec.structs.fields(kind)]))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
    try:
        order = decode(kind, KINDS[kind] | {field: data.draw(anything)})
    except OrderError:
        return
    assert orders.decode_order(orders.encode_order(order), kind) == order


# golden


@pytest.mark.parametrize("case", GOLDEN, ids=[case["why"] for case in GOLDEN])
def test_golden_is_the_vector_s(case: dict[str, Any]) -> None:
    found = golden(
        "FLEET-0a1b2c3d4e5f",
        decode(Directive, case["directive"]),
        case["assignment"] and decode(Assignment, case["assignment"]),
        frozenset(case["held"]),
    )
    assert (found and msgspec.to_builtins(found)) == case["target"]


@pytest.mark.parametrize("case", OVERLAYS)
def test_an_overlay_s_digest_is_the_vector_s(case: dict[str, Any]) -> None:
    assert orders.overlay_digest(case["overlay"]) == case["overlay_digest"]


def test_no_overlay_has_the_empty_one_s_digest() -> None:
    assert orders.overlay_digest(None) == orders.overlay_digest({}) == orders.EMPTY_OVERLAY


def test_without_a_directive_golden_is_unknown() -> None:
    assert golden("demo-1", None, assignment(), frozenset()) is None


IDS = st.lists(st.from_regex(r"[A-Z][a-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=60, unique=True)


@given(IDS, st.data())
def test_below_the_next_order_hash_lie_exactly_as_many_as_wanted(ids: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, len(ids) - 1))
    line = sorted(order_hash("r-9", one) for one in ids)[wanted]
    wave = Rule(kind=RuleKind.RELEASE, release=NEW, attempt=2, salt="r-9", below=line)
    targets = [golden(one, directive(wave, REST), assignment(), frozenset()) for one in ids]
    assert sum(target is not None and target.release == NEW for target in targets) == wanted


@given(IDS, st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=4))
def test_each_wave_contains_the_ones_before(ids: list[str], lines: list[int]) -> None:
    def inside(line: int) -> set[str]:
        wave = Rule(kind=RuleKind.RELEASE, release=NEW, attempt=2, salt="r-9", below=f"{line:016x}")
        return {one for one in ids if orders.matches(wave, one, assignment(), frozenset())}

    waves = [inside(line) for line in sorted(lines)]
    assert all(before <= after for before, after in pairwise(waves))


RULES = st.builds(
    Rule,
    kind=st.sampled_from(RuleKind),
    release=st.sampled_from([Digest(letter * 64) for letter in "abcd"]),
    attempt=st.integers(1, 9),
    spread_seconds=st.integers(0, 99),
    hold=st.booleans(),
    ids=st.none() | st.lists(st.sampled_from(["demo-1", "demo-2"]), min_size=1, max_size=2).map(tuple),
    where=st.none() | st.dictionaries(st.sampled_from(["site", "kind"]), st.just(("berlin",)), min_size=1),
)


@given(st.lists(RULES, max_size=5), st.frozensets(st.sampled_from([letter * 64 for letter in "abcd"])), st.booleans())
def test_the_first_rule_that_matches_counts(rules: list[Rule], held: frozenset[Digest], labelled: bool) -> None:
    mine = assignment(labels={"site": "berlin"} if labelled else {})
    found = golden("demo-1", directive(*rules, REST), mine, held)
    first = next(rule for rule in [*rules, REST] if orders.matches(rule, "demo-1", mine, held))
    assert found is not None
    assert (found.release, found.attempt, found.kind) == (first.release, first.attempt, first.kind)


@given(st.lists(RULES, max_size=5), st.frozensets(st.sampled_from([letter * 64 for letter in "abcd"])))
def test_what_a_device_holds_matters_to_hold_rules_alone(rules: list[Rule], held: frozenset[Digest]) -> None:
    free = [msgspec.structs.replace(rule, hold=False) for rule in rules]
    order = directive(*free, REST)
    assert golden("demo-1", order, assignment(), held) == golden("demo-1", order, assignment(), frozenset())


@given(st.integers(0, 3), st.integers(1, 9), st.integers(0, 3), st.integers(0, 9))
def test_an_epoch_outweighs_any_generation(epoch: int, generation: int, my_epoch: int, minimum: int) -> None:
    order = directive(REST, epoch=epoch, generation=generation)
    mine = assignment(epoch=my_epoch, min_generation=minimum)
    known = golden("demo-1", order, mine, frozenset()) is not None
    assert known == ((epoch, generation) >= (my_epoch, minimum) if epoch == my_epoch else epoch > my_epoch)


def test_targets_are_equal_whatever_the_attempt() -> None:
    one = Target(release=NEW, overlay=orders.EMPTY_OVERLAY, attempt=1, kind=RuleKind.RELEASE)
    again = Target(release=NEW, overlay=orders.EMPTY_OVERLAY, attempt=2, kind=RuleKind.ROLLBACK)
    other = Target(release=NEW, overlay=OLD, attempt=1, kind=RuleKind.RELEASE)
    assert one.same_as(again)
    assert not one.same_as(other)
    assert not one.same_as(None)


def test_terms_left_out_are_the_protocol_s() -> None:
    order = decode(Directive, DIRECTIVE)
    assert order.pace == Pace(
        beat_seconds=60, report_seconds=900, keepalive_seconds=60, reconnect_seconds=5, settle_seconds=10
    )
    assert (order.drift.policy, order.window) == (DriftPolicy.ALERT, None)
    gate = decode(Release, RELEASE).gate
    assert (gate.within_seconds, gate.hold_seconds, gate.require.adapters_connected) == (60, 10, "all")
    assert (order.fleet, order.channel, DeviceId("x")) == (FleetName("acme"), ChannelName("stable"), "x")


def test_crit_may_name_what_stands_within_a_rule() -> None:
    said = {**DIRECTIVE, "rules": [{**RULE, "turn": True}], "crit": ["turn"]}
    assert decode(Directive, said).rules[0].turn
    with pytest.raises(OrderError):
        decode(Release, {**RELEASE, "crit": ["turn"]})

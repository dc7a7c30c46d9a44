"""Waves are nested and exactly counted, and no device outside one gets the release."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.policy import HoldOut
from pyv_fleet.core.waves import (
    Candidate,
    Cohort,
    Line,
    WaveError,
    hold_out_rules,
    hold_rules,
    in_any,
    is_held_out,
    members,
    parse_cohort,
    parse_waves,
    refuse_without_canary,
    resolve,
    wave_rules,
    without_covered,
    without_hold_outs,
)
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName, order_hash
from pyvorin_edge.orders import Assignment, Directive, DriftTerms, Pace, Rule, decode_order, encode_order, golden
from pyvorin_edge.vocabulary import RuleKind

NEW, OLD = Digest("a" * 64), Digest("b" * 64)
BASELINE = Rule(kind=RuleKind.RELEASE, release=OLD, attempt=1)


def fleet(count: int, real: int = 0) -> list[Candidate]:
    return [Candidate(f"FLEET-{n:012x}", {"kind": "real" if n < real else "simulated"}) for n in range(count)]


def lines_of(texts: Sequence[str], devices: Sequence[Candidate], salt: str) -> list[Line]:
    lines: list[Line] = []
    for text in texts:
        lines.append(resolve(parse_cohort(text), devices, salt, lines))
    return lines


def obeyed(rules: tuple[Rule, ...], devices: Sequence[Candidate], held: frozenset[Digest] = frozenset()) -> set[str]:
    """Which devices the SDK itself, from the very bytes, sends to the new release."""
    directive = Directive(
        v=1,
        fleet=FleetName("f"),
        channel=ChannelName("stable"),
        epoch=0,
        generation=1,
        rules=rules,
        pace=Pace(),
        drift=DriftTerms(),
        issued_at=0,
        expires_at=1,
        reason="r",
        issued_by="t",
    )
    read = decode_order(encode_order(directive), Directive)
    targets = {d.device_id: golden(d.device_id, read, assigned(d), held) for d in devices}
    return {device_id for device_id, target in targets.items() if target is not None and target.release == NEW}


def assigned(device: Candidate) -> Assignment:
    return Assignment(
        v=1,
        fleet=FleetName("f"),
        epoch=0,
        device_id=DeviceId(device.device_id),
        number=1,
        channel=ChannelName("stable"),
        issued_at=0,
        issued_by="t",
        labels=device.labels,
    )


def rules_of(lines: Sequence[Line], salt: str) -> tuple[Rule, ...]:
    return wave_rules(lines, salt=salt, release=NEW, attempt=2, spread_seconds=0, baseline=BASELINE)


@pytest.mark.parametrize(
    ("text", "cohort"),
    [
        ("1%", Cohort(permyriad=100)),
        ("0.5%", Cohort(permyriad=50)),
        ("12.25%", Cohort(permyriad=1225)),
        ("20", Cohort(count=20)),
        ("100%", Cohort()),
        ("kind=real", Cohort(label="kind", values=("real",))),
        ("site=berlin,munich", Cohort(label="site", values=("berlin", "munich"))),
        ("kind=real:1", Cohort(label="kind", values=("real",), count=1)),
        ("kind=real:10%", Cohort(label="kind", values=("real",), permyriad=1000)),
    ],
)
def test_each_written_form_is_read_and_printed_back(text: str, cohort: Cohort) -> None:
    assert parse_cohort(text) == cohort
    assert str(cohort) == text


def test_all_is_a_hundred_percent() -> None:
    assert parse_cohort("all").everybody
    assert parse_cohort(" 100.0% ").everybody


@pytest.mark.parametrize(
    "text", ["", "0", "0%", "101%", "1.234%", "-1", "kind", "kind=", "kind=real:", "kind=a b", "1e3"]
)
def test_what_is_no_wave_is_named(text: str) -> None:
    with pytest.raises(WaveError, match="wave"):
        parse_cohort(text)


def test_the_last_wave_must_be_everybody() -> None:
    with pytest.raises(WaveError, match="last wave must be 100%"):
        parse_waves(("1%", "50%"))


def test_one_percent_of_104_is_one_device_and_the_line_is_the_next_hash() -> None:
    devices = fleet(104)
    line = resolve(parse_cohort("1%"), devices, "s")
    places = sorted(order_hash("s", device.device_id) for device in devices)
    assert line == Line(below=places[1])
    assert len(members([line], devices, "s")) == 1


@given(
    st.integers(1, 60),
    st.integers(0, 5),
    st.text("abc", min_size=1, max_size=4),
    st.lists(st.sampled_from(["1%", "3", "20%", "50%", "7", "kind=real:1", "kind=real", "99%"]), max_size=5),
)
def test_waves_are_nested_exactly_counted_and_reach_nobody_else(
    count: int, real: int, salt: str, texts: list[str]
) -> None:
    devices = fleet(count, real)
    lines: list[Line] = []
    before: set[str] = set()
    for text in [*texts, "100%"]:
        cohort = parse_cohort(text)
        matching = [device for device in devices if cohort.where is None or device.labels["kind"] in cohort.values]
        had = sum(1 for device in matching if device.device_id in before)
        lines.append(resolve(cohort, devices, salt, lines))
        inside = set(members(lines, devices, salt))
        assert before <= inside
        now = sum(1 for device in matching if device.device_id in inside)
        assert now == max(had, min(len(matching), asked(cohort, len(matching))))
        assert inside - before <= {device.device_id for device in matching}
        assert obeyed(rules_of(lines, salt), devices) == inside
        before = inside
    assert before == {device.device_id for device in devices}


def asked(cohort: Cohort, matching: int) -> int:
    if cohort.count is not None:
        return cohort.count
    return matching if cohort.permyriad is None else max(1, matching * cohort.permyriad // 10_000)


@given(st.integers(2, 40), st.integers(0, 30))
def test_a_device_never_leaves_a_wave_when_others_join_the_fleet(count: int, joining: int) -> None:
    devices = fleet(count)
    first = resolve(parse_cohort("10%"), devices, "s")
    later = fleet(count + joining)
    both = [first, resolve(parse_cohort("30%"), later, "s", [first])]
    assert set(members([first], devices, "s")) <= obeyed(rules_of(both, "s"), later)


def test_a_held_rollout_keeps_who_has_it_and_takes_nobody_new() -> None:
    devices = fleet(5)
    rules = hold_rules(release=NEW, attempt=2, baseline=BASELINE)
    assert obeyed(rules, devices, held=frozenset({NEW})) == {device.device_id for device in devices}
    assert obeyed(rules, devices) == set()


def test_hold_outs_stand_before_every_wave() -> None:
    devices = fleet(5)
    out = Rule(kind=RuleKind.RELEASE, release=OLD, attempt=1, ids=(DeviceId(devices[0].device_id),))
    rules = wave_rules([Line()], salt="s", release=NEW, attempt=2, spread_seconds=0, baseline=BASELINE, hold_outs=[out])
    assert obeyed(rules, devices) == {device.device_id for device in devices[1:]}


def test_lines_within_others_need_no_rule_of_their_own() -> None:
    one, two, real = Line(below="1" * 16), Line(below="2" * 16), Line(where={"kind": ("real",)})
    assert without_covered([one, two]) == (two,)
    assert without_covered([two, one, two]) == (two,)
    assert without_covered([one, real]) == (one, real)
    assert without_covered([one, real, Line()]) == (Line(),)


def test_a_late_joiner_below_the_line_takes_the_release() -> None:
    devices = fleet(10)
    line = resolve(parse_cohort("50%"), devices, "s")
    joiner = next(c for c in fleet(200)[10:] if order_hash("s", c.device_id) < (line.below or ""))
    assert in_any([line], "s", joiner)
    assert obeyed(rules_of([line], "s"), [joiner]) == {joiner.device_id}


class TestCanaryFirst:
    def refuse(self, texts: Sequence[str], devices: Sequence[Candidate], golden: Digest | None = OLD) -> None:
        refuse_without_canary(parse_waves(texts), devices, "s", golden=golden)

    @pytest.mark.parametrize("first", ["100%", "kind=simulated", "10", "500"])
    def test_a_first_wave_of_the_whole_channel_is_refused(self, first: str) -> None:
        with pytest.raises(WaveError, match="begin with a canary"):
            self.refuse((first, "100%"), fleet(10))

    def test_a_canary_is_let_through(self) -> None:
        self.refuse(("1%", "100%"), fleet(2))
        self.refuse(("kind=real:1", "100%"), fleet(10, real=3))

    def test_a_single_device_has_nothing_to_leave_out(self) -> None:
        self.refuse(("100%",), fleet(1))

    def test_a_first_release_goes_to_all_and_is_never_widened_silently(self) -> None:
        self.refuse(("100%",), fleet(10), golden=None)
        with pytest.raises(WaveError, match="first release"):
            self.refuse(("1%", "100%"), fleet(10), golden=None)

    def test_a_wave_without_devices_is_named(self) -> None:
        with pytest.raises(WaveError, match=r"wave 2 \(kind=real\)"):
            self.refuse(("1%", "kind=real", "100%"), fleet(10))
        with pytest.raises(WaveError, match="no device"):
            self.refuse(("1%", "100%"), [])


def test_named_devices_are_a_wave_of_their_own() -> None:
    devices = fleet(5)
    named = ",".join(device.device_id for device in devices[:2])
    lines = lines_of([f"id={named}", "3"], devices, "s")
    first = wave_rules(lines[:1], salt="s", release=NEW, attempt=1, spread_seconds=0, baseline=BASELINE)
    assert obeyed(first, devices) == {device.device_id for device in devices[:2]}
    both = wave_rules(lines, salt="s", release=NEW, attempt=1, spread_seconds=0, baseline=BASELINE)
    assert {device.device_id for device in devices[:2]} < obeyed(both, devices)
    assert len(obeyed(both, devices)) == 3
    assert str(parse_cohort(f"id={named}")) == f"id={named}"


def test_a_named_stranger_is_refused() -> None:
    with pytest.raises(WaveError, match="names FLEET-x, which does not follow"):
        refuse_without_canary(parse_waves(["id=FLEET-x", "100%"]), fleet(3), "s", golden=OLD)


def test_held_out_devices_stay_whatever_rolls_out() -> None:
    devices = fleet(6, real=2)
    hold_outs = (HoldOut(where={"kind": ("real",)}, release=OLD),)
    held = hold_out_rules(hold_outs, {OLD: 3})
    rules = wave_rules(
        [Line()], salt="s", release=NEW, attempt=1, spread_seconds=0, baseline=BASELINE, hold_outs=held
    )  # fmt: skip
    assert obeyed(rules, devices) == {one.device_id for one in devices if not is_held_out(one.labels, hold_outs)}
    assert without_hold_outs(rules, hold_outs) == rules[1:]
    assert without_hold_outs(rules[1:], hold_outs) == rules[1:]


def test_an_emergency_alone_may_begin_with_everybody() -> None:
    refuse_without_canary(parse_waves(["100%"]), fleet(3), "s", golden=OLD, emergency=True)

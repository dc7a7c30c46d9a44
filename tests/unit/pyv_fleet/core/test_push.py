"""A push never goes to all hosts at once: the canaries alone and good, watched, then the rest within its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pyv_fleet.core.inventory import Host
from pyv_fleet.core.push import (
    HostResult,
    Push,
    PushError,
    PushTerms,
    begin,
    closed,
    ended,
    halted,
    next_hosts,
    soaked,
    started,
)
from pyv_fleet.core.words import HostState, PushStage

HOSTS = tuple(Host(name=f"h{number}") for number in range(6))


def a_push(hosts: tuple[Host, ...] = HOSTS, **terms: Any) -> Push:
    return begin(hosts, PushTerms(**terms), {}, proved=False)


def result(host: str, state: HostState = HostState.COMMITTED, **fields: Any) -> HostResult:
    return HostResult(host=host, state=state, boot_id="b", health="healthy", **fields)


def step(push: Push, state: HostState = HostState.COMMITTED) -> Push:
    """Begin with what may begin, and end all of it so."""
    names = next_hosts(push)
    push = started(push, names)
    for name in names:
        push = ended(push, result(name, state))
    return push


def proved(**terms: Any) -> Push:
    push = step(a_push(**terms))
    return soaked(push, [result(name) for name in push.canaries])


def test_the_first_goes_alone_and_the_others_wait_until_it_was_watched() -> None:
    push = a_push()
    assert next_hosts(push) == ("h0",)
    push = step(push)
    assert (push.stage, next_hosts(push)) == (PushStage.SOAK, ())
    push = soaked(push, [result("h0", HostState.UNCHANGED)])
    assert (push.stage, next_hosts(push)) == (PushStage.REST, ("h1", "h2", "h3", "h4", "h5"))


def test_hosts_that_are_marked_go_first() -> None:
    hosts = (Host(name="a"), Host(name="b", canary=True), Host(name="c"))
    assert next_hosts(a_push(hosts)) == ("b",)


def test_no_more_than_its_bound_are_under_way() -> None:
    push = proved(parallel=2)
    push = started(push, next_hosts(push))
    assert push.running == {"h1", "h2"}
    assert next_hosts(push) == ()
    assert next_hosts(ended(push, result("h1"))) == ("h3",)


@pytest.mark.parametrize("state", [state for state in HostState if not state.good])
def test_a_canary_that_is_not_good_stops_everything(state: HostState) -> None:
    push = step(a_push(), state)
    assert (push.stage, next_hosts(push)) == (PushStage.ENDED, ())
    assert [one.state for one in closed(push)[1:]] == [HostState.SKIPPED] * 5


@pytest.mark.parametrize(
    "now",
    [
        result("h0", HostState.UNREACHABLE),
        replace(result("h0"), boot_id="another"),
        replace(result("h0"), health="degraded"),
    ],
)
def test_a_canary_that_sickens_or_starts_anew_within_the_soak_stops_it(now: HostResult) -> None:
    assert soaked(step(a_push()), [now]).stage is PushStage.ENDED


def test_after_the_canary_the_first_failure_stops_it_unless_more_are_allowed() -> None:
    assert ended(proved(), result("h1", HostState.FAILED)).halted is not None
    push = ended(proved(max_failed=1), result("h1", HostState.FAILED))
    assert push.halted is None
    assert ended(push, result("h2", HostState.REJECTED)).halted is not None


def test_a_host_that_cannot_be_had_says_nothing_against_the_release() -> None:
    push = proved()
    for name, state in (("h1", HostState.UNREACHABLE), ("h2", HostState.REFUSED_KEY), ("h3", HostState.DISK_FULL)):
        push = ended(push, result(name, state))
    assert push.halted is None


def test_as_many_canaries_as_hosts_are_refused_and_one_host_is_its_own() -> None:
    with pytest.raises(PushError, match="all at once"):
        a_push(canary=6)
    assert next_hosts(a_push(HOSTS[:1], canary=3)) == ("h0",)


def test_what_is_done_already_is_left_alone_and_a_proof_holds() -> None:
    done = {"h0": result("h0"), "h2": result("h2"), "h3": result("h3", HostState.FAILED), "gone": result("gone")}
    push = begin(HOSTS, PushTerms(), done, proved=True)
    assert next_hosts(push) == ("h1", "h3", "h4", "h5")


def test_canaries_that_had_not_proved_it_are_asked_again() -> None:
    assert next_hosts(begin(HOSTS, PushTerms(), {"h0": result("h0")}, proved=False)) == ("h0",)


def test_a_stop_from_outside_begins_nothing_more() -> None:
    assert next_hosts(halted(proved(), "because")) == ()


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_comes_in_whatever_order_its_bounds_hold_and_it_ends(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    terms = PushTerms(
        canary=data.draw(st.integers(1, max(1, count - 1))),
        parallel=data.draw(st.integers(1, 9)),
        max_failed=data.draw(st.integers(0, 3)),
    )
    push = begin([Host(name=f"h{number}") for number in range(count)], terms, {}, proved=False)
    touched: set[str] = set()
    for _ in range(4 * count + 4):
        names = next_hosts(push)
        push = started(push, names)
        touched |= set(names)
        assert len(push.running) <= terms.parallel
        assert push.proved or touched <= set(push.canaries)
        if push.running:
            name = data.draw(st.sampled_from(sorted(push.running)))
            push = ended(push, result(name, data.draw(st.sampled_from(HostState))))
        elif push.stage is PushStage.SOAK:
            push = soaked(push, [result(name, data.draw(st.sampled_from(HostState))) for name in push.canaries])
        elif push.stage is PushStage.ENDED:
            break
    assert push.stage is PushStage.ENDED
    assert not push.running
    assert len(closed(push)) == count
    assert push.failed <= terms.max_failed + terms.parallel or not push.proved

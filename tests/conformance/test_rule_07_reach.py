"""Rule 7: a new address of the fleet is a candidate until a report was acknowledged through it; else the old stays."""

from __future__ import annotations

from conformance.fleet import link_at
from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, WaitingFor


@needs(Able.NETWORK)
def test_an_address_that_answers_is_kept_over_a_restart(device: Watched) -> None:
    there = device.subject.other_address
    device.subject.answer_at(there, True)
    device.fleet.trust(link=link_at(there))
    device.until(lambda: device.report.trust == 2 and device.report.phase is Phase.SETTLED, "settled on the new link")
    device.subject.idle(2)
    device.subject.answer_at(device.subject.address, False)  # the old one is closed for good
    device.restart()
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)


@needs(Able.NETWORK)
def test_from_an_address_that_does_not_answer_the_device_comes_back(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.trust(link=link_at(device.subject.other_address))
    device.until(
        lambda: device.report.result is not None and device.report.result.code is Cause.CUT_OFF,
        "it is back and says so",
        within_seconds=2 * device.subject.reach_seconds + 60,
    )
    assert device.report.result is not None
    assert device.report.result.outcome is Outcome.INCONCLUSIVE  # the first time
    assert device.runs(1)


@needs(Able.NETWORK)
def test_an_address_given_up_twice_has_failed_and_is_left_alone(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.trust(link=link_at(device.subject.other_address))
    device.until(
        lambda: (
            device.report.result is not None
            and (device.report.result.outcome, device.report.result.code) == (Outcome.FAILED, Cause.CUT_OFF)
        ),
        "failed: cut_off",
        within_seconds=5 * device.subject.reach_seconds + 120,
    )
    device.until(lambda: device.report.phase is Phase.SETTLED, "settled on the old link")
    after = device.publish("1.1", 2)
    device.fleet.direct(after)
    device.settle_on(after)


@needs(Able.NETWORK)
def test_a_fleet_that_cannot_be_reached_either_way_is_inconclusive_and_found_again(device: Watched) -> None:
    """A broker that restarts in the middle of a wave must not make a whole fleet give a link up for good."""
    there = device.subject.other_address
    device.subject.answer_at(there, True)
    device.fleet.trust(link=link_at(there))
    device.until(lambda: "trust/2" in device.subject.durable(), "it has the document")
    device.subject.answer_at(there, False)
    device.subject.answer_at(device.subject.address, False)
    device.subject.idle(2.5 * device.subject.reach_seconds)
    device.subject.answer_at(there, True)
    device.until(
        lambda: device.report.trust == 2 and device.report.phase is Phase.SETTLED,
        "it found the new address",
        within_seconds=5 * device.subject.reach_seconds + 120,
    )


def test_a_change_of_config_alone_never_drops_the_link(device: Watched) -> None:
    conn = device.report.conn
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    assert device.report.conn == conn


def a_bundle(number: int) -> BundleRef:
    """A bundle by name; what is in it nobody looks at here."""
    digest = digest_of(bytes([number]))
    return BundleRef(name="app", version=str(number), manifest_sha256=digest, sha256=digest, size=1000)


def settled_on_bundles(device: Watched, *numbers: int) -> list[Digest]:
    """Releases, each with a bundle of its own, one after the other committed."""
    releases = [device.publish(f"1.{number}", number, bundle=a_bundle(number)) for number in numbers]
    for release in releases:
        device.fleet.direct(release)
        device.settle_on(release)
    return releases


@needs(Able.BUNDLES)
def test_a_bundle_begins_only_in_session(device: Watched) -> None:
    first, _ = settled_on_bundles(device, 1, 2)
    device.fleet.direct(device.fleet.rule(first, spread_seconds=30))
    device.until(lambda: device.waits_for(WaitingFor.SPREAD), "its turn has not come")
    device.subject.disconnect()
    device.subject.idle(3600)
    assert device.runs(2), "all that it needs is there, but for its fleet"
    device.subject.connect()
    device.settle_on(first)


@needs(Able.BUNDLES)
def test_a_bundle_under_which_the_fleet_is_not_reached_goes_back_and_is_tried_once_more(device: Watched) -> None:
    settled_on_bundles(device, 1)
    cutting = device.publish("1.2", 2, bundle=a_bundle(2))
    device.subject.deafen(a_bundle(2).manifest_sha256)
    device.fleet.direct(cutting)
    device.end(cutting, Outcome.INCONCLUSIVE, within_seconds=3000)
    assert device.report.result is not None
    assert device.report.result.code is Cause.CUT_OFF
    assert device.runs(1)
    device.end(cutting, Outcome.FAILED, within_seconds=3000)
    device.subject.idle(7200)
    assert device.runs(1), "what cut it off twice is left alone"


@needs(Able.BUNDLES)
def test_a_broker_that_is_away_for_an_hour_makes_no_bundle_fail(device: Watched) -> None:
    settled_on_bundles(device, 1)
    newer = device.publish("1.2", 2, bundle=a_bundle(2))
    device.subject.cut_at(Phase.PROVING)
    device.fleet.direct(newer)
    device.subject.idle(3600)
    assert device.runs(1), "it went back, to learn whose fault it is"
    device.subject.connect()
    device.settle_on(newer, within_seconds=2 * 3600)


@needs(Able.BUNDLES)
def test_a_bundle_whose_code_does_not_start_is_given_up_by_the_launcher(device: Watched) -> None:
    settled_on_bundles(device, 1)
    crashing = device.publish("1.2", 2, bundle=a_bundle(2))
    device.subject.crash(a_bundle(2).manifest_sha256)
    device.fleet.direct(crashing)
    device.end(crashing, Outcome.FAILED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.BOOT_LOOP
    assert device.runs(1)
    settled_on_bundles(device, 3)


@needs(Able.BUNDLES)
def test_a_committed_bundle_whose_files_are_gone_is_fetched_again(device: Watched) -> None:
    settled_on_bundles(device, 1)
    slot = a_bundle(1).manifest_sha256
    device.subject.disconnect()
    device.subject.lose(slot)
    device.subject.kill()
    device.subject.start()
    device.subject.idle(3600)
    assert not device.subject.runs_bundle(slot)
    device.subject.connect()
    device.until(lambda: device.subject.runs_bundle(slot), "its own code again")


@needs(Able.BUNDLES)
def test_it_is_fetched_again_to_go_back_to(device: Watched) -> None:
    settled_on_bundles(device, 1)
    slot = a_bundle(1).manifest_sha256
    bad = device.bad("1.2", bundle=a_bundle(2))
    device.fleet.direct(bad)
    device.until(lambda: device.report.phase is Phase.PROVING, "it is tried")
    device.subject.lose(slot)
    device.end(bad, Outcome.FAILED, within_seconds=600)
    assert device.subject.runs_bundle(slot)
    assert device.runs(1)


@needs(Able.BUNDLES)
def test_a_bundle_is_gone_back_to_by_hand_without_a_network(device: Watched) -> None:
    settled_on_bundles(device, 1, 2)
    device.subject.disconnect()
    device.subject.roll_back_by_hand("1.1")
    device.until(lambda: device.runs(1), "back on 1.1")
    device.subject.idle(3600)
    assert device.runs(1)


@needs(Able.BUNDLES)
def test_a_release_without_a_bundle_runs_on_the_installed_code(device: Watched) -> None:
    settled_on_bundles(device, 1)
    plain = device.publish("2.0", 2)
    device.fleet.direct(plain)
    device.settle_on(plain)
    assert device.runs(2)


@needs(Able.BUNDLES)
def test_a_bundle_that_is_not_what_its_manifest_says_is_rejected(device: Watched) -> None:
    spoilt = device.publish("1.1", 1, bundle=a_bundle(1))
    device.subject.spoil(a_bundle(1).manifest_sha256)
    device.fleet.direct(spoilt)
    device.end(spoilt, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.BUNDLE
    assert device.runs(0)

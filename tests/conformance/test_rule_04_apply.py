"""Rule 4: fetch, stage, validate, switch, prove, commit; anything less ends on the last committed release."""

from __future__ import annotations

import pytest

from conformance.subject import Able
from conformance.watched import Watched
from pyvorin_edge import topics
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef, Gate
from pyvorin_edge.vocabulary import Cause, Outcome, Phase


def test_a_good_release_is_committed_and_reported(device: Watched) -> None:
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.end(release, Outcome.COMMITTED)
    assert device.runs(1)
    assert device.report.running.release == release


def test_an_unhealthy_release_is_reverted_by_the_device_alone(device: Watched) -> None:
    good = device.publish("1.0", 1)
    device.fleet.direct(good)
    device.settle_on(good)
    bad = device.bad("1.1")
    device.fleet.direct(bad)
    device.until(lambda: device.report.running.release == bad, "it proves the bad release")
    device.subject.disconnect()  # nobody is there to help
    device.until(lambda: device.runs(1), "the good config is back")
    device.subject.connect()
    device.end(bad, Outcome.FAILED)
    result = device.report.result
    assert result is not None
    assert (result.code, bool(result.detail)) == (Cause.GATE, True)
    assert device.settled_on(good)


def test_a_config_that_does_not_parse_is_rejected_by_the_device(device: Watched) -> None:
    good = device.publish("1.0", 1)
    device.fleet.direct(good)
    device.settle_on(good)
    broken = device.fleet.release("1.1", b"[sensors\nthis is no TOML")
    device.fleet.direct(broken)
    device.end(broken, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.INVALID
    assert device.runs(1)


def test_a_config_with_an_unknown_key_is_rejected_by_the_device(device: Watched) -> None:
    broken = device.fleet.release("1.1", device.config(1, sensors={"poll_intervall": 1}))
    device.fleet.direct(broken)
    device.end(broken, Outcome.REJECTED)
    result = device.report.result
    assert result is not None
    assert result.code is Cause.INVALID
    assert "poll_intervall" in result.detail
    assert device.runs(0)


def test_an_agent_without_its_launcher_rejects_a_bundle(device: Watched) -> None:
    if Able.BUNDLES in device.subject.able:
        pytest.skip("this one has its launcher, and takes it: rule 7")
    digest = Digest("a" * 64)
    bundle = BundleRef(name="agent", version="1", manifest_sha256=digest, sha256=digest, size=1)
    release = device.publish("1.1", 1, bundle=bundle)
    device.fleet.direct(release)
    device.end(release, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.BUNDLE


def test_a_first_release_that_fails_falls_back_to_the_provisioned_config(device: Watched) -> None:
    bad = device.bad("1.0")
    device.fleet.direct(bad)
    device.end(bad, Outcome.FAILED)
    assert device.runs(0)
    assert device.report.running.release is None


def test_going_back_two_releases_needs_no_download(device: Watched) -> None:
    releases = [device.publish(f"1.{n}", n) for n in (1, 2, 3)]
    for release in releases:
        device.fleet.direct(release)
        device.settle_on(release)
    for release, marker in zip(releases, (1, 2, 3), strict=True):
        device.fleet.carrier.publish(topics.release(release), b"", retain=True)
        device.fleet.carrier.publish(topics.blob(digest_of(device.config(marker))), b"", retain=True)
    device.fleet.roll_back(releases[0])
    device.settle_on(releases[0])
    assert device.runs(1)


def test_going_back_under_an_overlay_needs_no_download_either(device: Watched) -> None:
    device.fleet.assign(overlay={"windows": {"default_size": 7}})
    releases = [device.publish(f"1.{n}", n, open=("/windows",)) for n in (1, 2)]
    for release in releases:
        device.fleet.direct(release)
        device.settle_on(release)
    for release, marker in zip(releases, (1, 2), strict=True):
        device.fleet.carrier.publish(topics.release(release), b"", retain=True)
        device.fleet.carrier.publish(topics.blob(digest_of(device.config(marker))), b"", retain=True)
    device.fleet.roll_back(releases[0])
    device.settle_on(releases[0])


def test_killed_while_it_proves_it_proves_again_and_commits(device: Watched) -> None:
    release = device.publish("1.0", 1, gate=Gate(within_seconds=5, hold_seconds=4))
    device.fleet.direct(release)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    device.restart()
    device.end(release, Outcome.COMMITTED)
    assert device.runs(1)


def test_killed_while_it_proves_a_bad_release_it_still_goes_back(device: Watched) -> None:
    good = device.publish("1.0", 1)
    device.fleet.direct(good)
    device.settle_on(good)
    bad = device.bad("1.1", 2)
    device.fleet.direct(bad)
    device.until(lambda: device.report.phase is Phase.PROVING, "it proves")
    device.restart()
    device.end(bad, Outcome.FAILED)
    assert device.settled_on(good)
    assert device.runs(1)

"""Rule 10: an overlay sets open keys only; hashes are computed again; without one the file is the blob."""

from __future__ import annotations

from conformance.watched import Watched
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, overlay_digest
from pyvorin_edge.vocabulary import Cause, ConfigFormat, Outcome

OVERLAY = {"windows": {"default_size": 7}}


def test_without_an_overlay_the_file_is_the_blob_byte_for_byte(device: Watched) -> None:
    config = b"# written by hand, with a comment\n" + device.config(1)
    release = device.fleet.release("1.0", config)
    device.fleet.direct(release)
    device.settle_on(release)
    assert device.subject.live() == config
    assert device.report.result is not None
    assert device.report.result.overlay == EMPTY_OVERLAY


def test_an_overlay_on_open_keys_is_merged_and_reported(device: Watched) -> None:
    config = device.config(1)
    release = device.fleet.release("1.0", config, open=("/windows/default_size",))
    device.fleet.assign(overlay=OVERLAY)
    device.fleet.direct(release)
    device.settle_on(release)
    assert device.report.running.config_hash == golden_hash(config, ConfigFormat.TOML, OVERLAY)
    assert device.report.result is not None
    assert device.report.result.overlay == overlay_digest(OVERLAY)


def test_an_overlay_on_a_closed_key_is_rejected(device: Watched) -> None:
    release = device.publish("1.0", 1, open=("/logging",))
    device.fleet.assign(overlay=OVERLAY)
    device.fleet.direct(release)
    device.end(release, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.OVERLAY_CLOSED
    assert device.runs(0)


def test_a_null_in_an_overlay_counts_as_setting_its_key(device: Watched) -> None:
    release = device.publish("1.0", 1, open=("/logging",))
    device.fleet.assign(overlay={"windows": None})
    device.fleet.direct(release)
    device.end(release, Outcome.REJECTED)
    assert device.runs(0)


def test_a_new_overlay_of_the_same_release_is_a_new_target(device: Watched) -> None:
    release = device.publish("1.0", 1, open=("/windows",))
    device.fleet.direct(release)
    device.settle_on(release)
    device.fleet.assign(overlay=OVERLAY)
    device.until(
        lambda: (
            device.settled_on(release)
            and device.report.result is not None
            and device.report.result.overlay == overlay_digest(OVERLAY)
        ),
        "the overlay is committed",
    )
    live = device.subject.live()
    assert live is not None
    assert golden_hash(live, ConfigFormat.TOML, {}) == golden_hash(device.config(1), ConfigFormat.TOML, OVERLAY)


def test_a_golden_hash_that_is_not_what_the_device_computes_is_rejected(device: Watched) -> None:
    lying = device.publish("1.0", 1, golden_hash=Digest("0" * 64))
    device.fleet.direct(lying)
    device.end(lying, Outcome.REJECTED)
    assert device.report.result is not None
    assert device.report.result.code is Cause.HASH
    assert device.runs(0)

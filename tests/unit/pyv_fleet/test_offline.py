"""An offline rollback on disk before it is published, and its acknowledgements heard. The broker: tests/system."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pyv_fleet.core.offline import OfflineRefused, Wish, compose, resolve
from pyv_fleet.link.mqtt import LinkSettings
from pyv_fleet.offline import (
    Records,
    Sight,
    Watch,
    Way,
    believed,
    following_of,
    now_ms,
    questions,
    refuse_keys,
    sealed,
)
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Pin, Request, decode_order
from pyvorin_edge.report import Presence, Report
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import PresenceState, RuleKind
from running.retained import (
    DIRECTOR,
    NOW,
    OLD,
    SECOND,
    STRANGER,
    assignment,
    directive,
    found,
    report,
    retained,
    trust_of,
)

WISH = Wish(to="1.0", reason="it broke", by="ada")
PINNED = assignment("dev-c", pin=Pin(release=NOW, attempt=1, kind=RuleKind.RELEASE))
FLEET = (directive(), assignment("dev-a"), assignment("dev-b"), PINNED)


def seen(*online: str) -> Sight:
    return Sight(
        fleet="lab", found=found(*FLEET), reports={one: report(one) for one in online}, online=frozenset(online)
    )


def test_it_is_signed_only_with_enough_of_the_keys_that_devices_obey() -> None:
    order = compose(resolve(found(), {}, WISH, now_ms())[0], WISH, found(), now_ms())
    assert sealed(order, [SECOND], trust_of())
    assert sealed(order, [DIRECTOR, SECOND], trust_of(2))
    for trust, keys in ((trust_of(), [STRANGER]), (trust_of(2), [DIRECTOR]), (trust_of(2), [DIRECTOR, DIRECTOR])):
        with pytest.raises(OfflineRefused, match="devices would not obey"):
            refuse_keys(trust, keys)
        with pytest.raises(OfflineRefused, match="does not hold"):
            sealed(order, keys, trust)


def test_an_order_that_devices_would_refuse_is_not_sealed() -> None:
    order = compose(resolve(found(), {}, WISH, now_ms())[0], WISH, found(), now_ms())
    with pytest.raises(OfflineRefused, match="devices take 8192"):
        sealed(replace(order, crit=("x" * 9000,)), [DIRECTOR], trust_of())
    with pytest.raises(OfflineRefused, match="would refuse"):
        sealed(replace(order, reason=" "), [DIRECTOR], trust_of())


def test_a_second_run_repeats_the_same_bytes_and_anew_is_another(tmp_path: Path) -> None:
    records, sight = Records(tmp_path / "kept"), seen("dev-a")
    parts = resolve(sight.found, sight.reports, WISH, now_ms())
    first, repeated = records.order(parts, WISH, sight, [DIRECTOR], anew=False)
    assert not repeated
    assert records.path(parts, WISH, sight.found).stat().st_mode & 0o777 == 0o600
    assert records.order(parts, replace(WISH, reason="again"), sight, [DIRECTOR], anew=False) == (first, True)
    given = records.given("lab", 1)
    higher = resolve(sight.found, sight.reports, WISH, now_ms(), given)
    second, repeated = records.order(higher, WISH, sight, [DIRECTOR], anew=True)
    assert not repeated
    assert records.given("lab", 1)["stable"] > given["stable"]
    assert second.orders != first.orders


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "rollback-x.json").write_text("{")
    with pytest.raises(OfflineRefused, match=r"rollback-x\.json"):
        Records(tmp_path).given("lab", 1)


def ordered(tmp_path: Path, *online: str) -> Watch:
    sight = seen(*online)
    parts = resolve(sight.found, sight.reports, WISH, now_ms())
    given, _ = Records(tmp_path).order(parts, WISH, sight, [DIRECTOR], anew=False)
    watch = Watch(following_of(parts, given, sight, now_ms()), sight, lambda following: None)
    watch.begins()
    return watch


def says(device_id: str, order: int) -> tuple[str, bytes]:
    running = replace(report().running, release=OLD, version="1.0")
    made: Report = report(device_id, generation=order, running=running)
    return topics.report(device_id), msgspec.json.encode(made)


def test_it_ends_when_all_that_were_online_are_back_by_their_own_word(tmp_path: Path) -> None:
    watch = ordered(tmp_path, "dev-a", "dev-c")
    view = watch.following.view()
    assert (view.devices, view.online, view.exempt, view.away) == (2, 1, 1, 1)
    generation = view.channels[0].generation
    assert view.channels[0].was == {"1.1": 1, "not heard": 1}
    assert not watch.enough({})
    assert not watch.enough(dict([says("dev-a", generation - 1)]))
    assert watch.enough(dict([says("dev-a", generation), says("dev-z", generation)]))
    assert watch.following.order == ["dev-a"]
    assert [(one.device_id, one.standing) for one in watch.following.view().missing] == [("dev-c", "pinned")]


def test_who_goes_away_meanwhile_is_waited_for_and_named(tmp_path: Path) -> None:
    watch = ordered(tmp_path, "dev-a")
    gone = Presence(state=PresenceState.OFFLINE, device_id=report().device_id, boot=1, boot_id="b", conn=1, at=0)
    assert not watch.enough({topics.presence("dev-a"): msgspec.json.encode(gone)})
    assert [(one.device_id, one.standing) for one in watch.following.view().missing] == [("dev-a", "offline")]
    here = replace(gone, state=PresenceState.ONLINE)
    assert not watch.enough({topics.presence("dev-a"): msgspec.json.encode(here)})
    assert watch.following.view().missing[0].standing == "unheard"


def test_who_stood_there_before_a_repeated_order_has_acknowledged_it(tmp_path: Path) -> None:
    watch = ordered(tmp_path, "dev-a")
    generation = watch.following.view().channels[0].generation
    running = replace(report().running, release=OLD)
    sight = replace(seen("dev-a"), reports={"dev-a": report(generation=generation, running=running)})
    parts = resolve(sight.found, sight.reports, WISH, now_ms())
    given, repeated = Records(tmp_path).order(parts, WISH, sight, [DIRECTOR], anew=False)
    assert repeated
    again = Watch(following_of(parts, given, sight, now_ms()), sight, lambda following: None)
    again.begins()
    assert again.enough({})


def test_what_is_asked_is_signed_for_each_shard() -> None:
    asked = [decode_order(open_envelope(one.payload).payload, Request) for one in questions("lab", 1, [DIRECTOR])]
    assert len({one.shard for one in asked}) == 64
    assert {(one.verb, one.epoch) for one in asked} == {("report", 1)}


def test_the_fleet_is_the_trust_document_s_unless_named() -> None:
    link = LinkSettings("h", 1, Path("ca"), Path("c"), Path("k"))
    assert believed(Way(link=link, anchor=trust_of()), retained(*FLEET))[0] == "lab"
    bare = Way(link=link, anchor=from_key(trust_of().anchor_key))
    with pytest.raises(OfflineRefused, match="this fleet's broker"):
        believed(bare, retained(*FLEET))
    fleet, what = believed(replace(bare, documents={topics.trust(1): trust_of().document}), retained(*FLEET))
    assert (fleet, set(what.directives)) == ("lab", {"stable"})

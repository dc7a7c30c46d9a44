"""What was ordered from here is known again: the same is repeated byte for byte while it can still win."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pyv_fleet.core.offline import OfflineRefused, Part, Wish, compose, resolve
from pyv_fleet.core.offline_record import Given, given_of, highest_given, may_repeat, name_of, read_given
from pyv_fleet.core.recovery import Found
from running.retained import NOW_MS, SECOND, STRANGER, assignment, directive, found, report, signed

WISH = Wish(to="1.0", reason="it broke", by="ada")


def parts(what: Found, wish: Wish = WISH) -> tuple[Part, ...]:
    return resolve(what, {}, wish, NOW_MS)


def given_order(what: Found, *keys: Any) -> Given:
    made = parts(what)
    orders = {part.channel: signed(compose(part, WISH, what, NOW_MS), *keys) for part in made}
    return given_of(made, WISH, what, orders, NOW_MS)


def test_it_reads_back_and_nonsense_is_refused() -> None:
    kept = given_order(found())
    assert read_given(msgspec.json.encode(kept)) == kept
    for data in (b"", b"{}", b"[1"):
        with pytest.raises(OfflineRefused, match="not the record"):
            read_given(data)
    with pytest.raises(OfflineRefused, match="not the record"):
        may_repeat(replace(kept, orders={"stable": "x"}), found(), {}, NOW_MS)


def test_the_same_is_one_file_whatever_the_reason_and_another_is_another() -> None:
    what, name = found(), name_of(parts(found()), WISH, found())
    assert name_of(parts(what), replace(WISH, reason="again", by="bob"), what) == name
    others = (replace(WISH, to="1.2"), replace(WISH, where={"site": ("berlin",)}))
    assert len({name, *(name_of(parts(what, one), one, what) for one in others)}) == 3


def test_the_same_order_is_repeated_while_nothing_newer_was_seen() -> None:
    kept = given_order(found())
    assert may_repeat(kept, found(), {}, NOW_MS)
    assert may_repeat(given_order(found(), SECOND), found(), {"dev-a": report(generation=NOW_MS)}, NOW_MS)


def test_it_is_not_repeated_once_it_could_not_win() -> None:
    kept = given_order(found())
    newer = found(directive(generation=NOW_MS + 1), assignment())
    other = found(directive(generation=NOW_MS), assignment())
    assert not may_repeat(kept, newer, {}, NOW_MS)
    assert not may_repeat(kept, other, {}, NOW_MS)
    assert not may_repeat(kept, found(), {"dev-a": report(generation=NOW_MS + 1)}, NOW_MS)
    assert not may_repeat(kept, found(), {}, NOW_MS + 31 * 86_400_000)
    assert not may_repeat(given_order(found(), STRANGER), found(), {}, NOW_MS)


def test_the_highest_number_that_was_given_is_known_by_channel_and_epoch() -> None:
    kept = given_order(found())
    assert highest_given([kept, replace(kept, epoch=2)], "lab", 1) == {"stable": NOW_MS}
    assert highest_given([kept], "other", 1) == {}

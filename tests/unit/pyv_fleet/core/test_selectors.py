"""Selectors mean devices that have every label, and say what they cannot read."""

import pytest

from pyv_fleet.core.selectors import Selector, SelectorError, parse_selector


def test_every_label_named_must_stand_with_its_value() -> None:
    selector = parse_selector("site=berlin, kind=real")
    assert selector.matches({"kind": "real", "site": "berlin", "floor": "2"})
    assert not selector.matches({"kind": "real"})
    assert not selector.matches({"kind": "real", "site": "munich"})


def test_nothing_written_means_every_device() -> None:
    assert parse_selector("") == Selector()
    assert parse_selector("").matches({})


def test_it_is_printed_as_it_is_read() -> None:
    assert str(parse_selector("b=2,a=1")) == "a=1,b=2"


@pytest.mark.parametrize("text", ["kind", "=real", "kind=", "a b=c", "kind=a,kind=b"])
def test_what_is_no_selector_is_named(text: str) -> None:
    with pytest.raises(SelectorError, match="selector"):
        parse_selector(text)

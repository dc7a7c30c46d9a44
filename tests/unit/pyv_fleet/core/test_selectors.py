"""Selectors mean devices that have every label, and say what they cannot read."""

import pytest

from pyv_fleet.core.selectors import Selector, SelectorError, in_where, parse_selector, parse_where, where_text


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


def test_a_selection_means_any_of_a_labels_values_and_all_of_the_labels() -> None:
    where = parse_where(["site=berlin,munich", "kind=real,floor=2"])
    assert where == {"site": ("berlin", "munich"), "kind": ("real",), "floor": ("2",)}
    assert in_where(where, {"site": "munich", "kind": "real", "floor": "2", "rack": "7"})
    assert not in_where(where, {"site": "munich", "kind": "real"})
    assert not in_where(where, {"site": "hamburg", "kind": "real", "floor": "2"})
    assert parse_where([where_text(where)]) == where


@pytest.mark.parametrize("texts", [["berlin"], [""], ["site="], ["site=a,,b"], ["site=a,site=b"], ["site=a", "site=b"]])
def test_a_selection_that_cannot_be_read_is_named(texts: list[str]) -> None:
    with pytest.raises(SelectorError, match="selector"):
        parse_where(texts)

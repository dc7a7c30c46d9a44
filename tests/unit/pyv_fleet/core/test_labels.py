"""Labels after a change: named ones set, null ones gone, never more than an assignment carries."""

from __future__ import annotations

import pytest

from pyv_fleet.core.labels import LABELS_MAX, LabelsRefused, labels_after


def test_named_labels_are_set_null_ones_taken_away_and_others_stay() -> None:
    assert labels_after({"site": "a", "kind": "real"}, {"site": "b", "kind": None, "x": None}) == {"site": "b"}


def test_a_label_of_no_form_is_named_with_all_others() -> None:
    with pytest.raises(LabelsRefused) as refused:
        labels_after({}, {"a b": "c", "d": "e=f", "good": "yes"})
    assert len(refused.value.errors) == 2


def test_what_stood_before_the_form_was_checked_can_still_be_taken_away() -> None:
    assert labels_after({"a b": "c"}, {"a b": None}) == {}


def test_a_device_has_as_many_labels_as_its_assignment_carries() -> None:
    most = {f"k{number}": "v" for number in range(LABELS_MAX)}
    assert labels_after({}, most) == dict(sorted(most.items()))
    with pytest.raises(LabelsRefused, match="17 labels"):
        labels_after(most, {"one-more": "v"})

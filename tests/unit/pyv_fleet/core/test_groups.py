"""Who is in a group, and what a group may be."""

from __future__ import annotations

import pytest

from pyv_fleet.core.groups import GroupRefused, belongs, refuse_group
from pyv_fleet.core.views import GroupSpec


def test_in_is_who_bears_every_label_who_is_named_or_everyone() -> None:
    spec = GroupSpec(selector="site=a,kind=real", ids=("FLEET-9",))
    assert belongs(spec, "FLEET-1", {"site": "a", "kind": "real", "x": "y"})
    assert not belongs(spec, "FLEET-1", {"site": "a"})
    assert belongs(spec, "FLEET-9", {})
    assert not belongs(GroupSpec(ids=("FLEET-9",)), "FLEET-1", {})
    assert belongs(GroupSpec(everyone=True), "FLEET-1", {})


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (GroupSpec(), "everyone: true"),
        (GroupSpec(selector="  "), "names no label"),
        (GroupSpec(selector="a=b,a=c"), "stands twice"),
        (GroupSpec(selector="a"), "write key=value"),
        (GroupSpec(ids=("a/b",)), "ids: "),
        (GroupSpec(everyone=True, labels={"a b": "c"}), "write key=value"),
        (GroupSpec(everyone=True, values={"a": 2**60}), "values: /a"),
    ],
)
def test_a_blank_never_means_the_whole_fleet_and_what_is_wrong_is_named(spec: GroupSpec, named: str) -> None:
    with pytest.raises(GroupRefused, match=named):
        refuse_group(spec)

"""Who is in a group, and what a group may say: decided from the devices' own labels alone, so that no group can change
who is in another."""

from __future__ import annotations

from collections.abc import Mapping

from pyv_fleet.core.drift_ignores import wrong_in
from pyv_fleet.core.labels import LabelsRefused, refuse_labels
from pyv_fleet.core.selectors import SelectorError, parse_selector
from pyv_fleet.core.views import GroupSpec
from pyvorin_edge.canonical import refuse_uncanonical
from pyvorin_edge.errors import CanonicalError, IdentityError, PyvorinError
from pyvorin_edge.identity import parse_device_id


class GroupRefused(PyvorinError):
    """A group that cannot be; `errors` names each thing that is wrong."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def belongs(spec: GroupSpec, device_id: str, own_labels: Mapping[str, str]) -> bool:
    """Whether a device is in: by id, by its own labels, or because everyone is."""
    if spec.everyone or device_id in spec.ids:
        return True
    return spec.selector is not None and parse_selector(spec.selector).matches(own_labels)


def refuse_group(spec: GroupSpec) -> None:
    """GroupRefused with all that is wrong with a group by itself."""
    errors = []
    if not spec.everyone and spec.selector is None and not spec.ids:
        errors.append("who is in? name a selector, ids, or say everyone: true")
    if spec.selector is not None:
        errors += _selector_errors(spec.selector)
    for device_id in spec.ids:
        try:
            parse_device_id(device_id)
        except IdentityError as why:
            errors.append(f"ids: {why}")
    try:
        refuse_labels(spec.labels)
    except LabelsRefused as why:
        errors += why.errors
    errors += [f"drift.ignore: {why}" for one in spec.drift.ignore for why in wrong_in(one.pointer, one.reason)]
    try:
        refuse_uncanonical(spec.values)
    except CanonicalError as why:
        errors.append(f"values: {why}")
    if errors:
        raise GroupRefused(tuple(errors))


def _selector_errors(text: str) -> list[str]:
    try:
        return [] if parse_selector(text).labels else [f"selector {text!r}: names no label; say everyone: true"]
    except SelectorError as why:
        return [str(why)]

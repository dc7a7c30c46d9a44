"""A device's labels after a change: their form, and how many an assignment carries (PROTOCOL 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyvorin_edge.errors import IdentityError, PyvorinError
from pyvorin_edge.identity import parse_label

LABELS_MAX: Final = 16
"""As in pyvorin_edge.orders.Labels."""


class LabelsRefused(PyvorinError):
    """Labels that an assignment cannot carry; `errors` names each."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def labels_after(before: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """The labels with those of the patch set, and those that are null there taken away, by name; LabelsRefused."""
    kept = {**before, **patch}
    after = {key: value for key, value in sorted(kept.items()) if value is not None}
    refuse_labels({key: value for key, value in after.items() if key in patch})
    if len(after) > LABELS_MAX:
        raise LabelsRefused((f"labels: {len(after)} labels, a device has at most {LABELS_MAX}: take some away",))
    return after


def refuse_labels(labels: Mapping[str, str]) -> None:
    """LabelsRefused with each that has not the form of a label."""
    errors = []
    for key, value in labels.items():
        try:
            parse_label(f"{key}={value}")
        except IdentityError as why:
            errors.append(str(why))
    if errors:
        raise LabelsRefused(tuple(errors))

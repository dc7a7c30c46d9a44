"""Sums of drift and lag: each device once a channel, once a group, once a kind and key path that it drifted at."""

from __future__ import annotations

from pyv_fleet.core.drift_report import KEYS_MAX, Stand, Sums, report_of
from pyvorin_edge.vocabulary import DriftKind, LagKind, Standing

IN_STEP = Stand("stable", (), Standing.IN_STEP, None, (), ())
EDITED = Stand("stable", ("berlin",), Standing.DRIFTED, None, (DriftKind.EDITED,), ("/a", "/b"))
BOTH = Stand("beta", ("berlin",), Standing.BOTH, LagKind.OVERDUE, (DriftKind.EDITED,), ("/b", ""))
LATE = Stand("beta", (), Standing.LAGGING, LagKind.PENDING, (), ())


def test_devices_are_counted_by_channel_group_kind_and_key() -> None:
    rows = {(row.by, row.name): row for row in report_of([IN_STEP, EDITED, BOTH, LATE])}
    assert list(rows) == [
        ("fleet", ""), ("channel", "beta"), ("channel", "stable"), ("group", "berlin"), ("kind", "edited"),
        ("key", "/b"), ("key", "/a"), ("key", "the document"),
    ]  # fmt: skip
    whole = rows["fleet", ""]
    assert (whole.devices, whole.in_step, whole.drifted, whole.both, whole.lagging) == (4, 1, 1, 1, 1)
    assert (whole.pending, whole.overdue, whole.failed) == (1, 1, 0)
    assert (rows["key", "/b"].devices, rows["key", "/b"].overdue, rows["group", "berlin"].devices) == (2, 1, 2)


def test_of_very_many_key_paths_the_most_frequent_are_listed_and_the_others_counted() -> None:
    sums = Sums()
    sums.add(Stand("stable", (), Standing.DRIFTED, None, (), tuple(f"/{number}" for number in range(KEYS_MAX + 5))))
    sums.add(Stand("stable", (), Standing.DRIFTED, None, (), ("/104",)))
    rows, more = sums.rows()
    keys = [row.name for row in rows if row.by == "key"]
    assert (len(keys), keys[0], more) == (KEYS_MAX, "/104", 5)


def test_what_is_unknown_is_no_drift() -> None:
    assert [row.by for row in report_of([Stand("stable", (), Standing.UNKNOWN, None, (), ("/a",))])] == [
        "fleet", "channel"
    ]  # fmt: skip

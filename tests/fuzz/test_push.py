"""Whatever a host answers to a push, and whatever stands in an inventory or a push's record: it is read, or refused by
the one documented error, and never taken for success."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_fleet.core.inventory import InventoryError, read_inventory
from pyv_fleet.core.parcels import Contents, ParcelError, contents_of
from pyv_fleet.core.push import PushError
from pyv_fleet.core.push_judging import foreseen, judged, lacking
from pyv_fleet.core.push_record import read_record
from pyv_fleet.core.words import HostState, InventoryKind

ANSWER = json.dumps({
    "outcome": "accepted", "said": "accepted", "device_id": "FLEET-1", "boot_id": "b", "channel": "stable",
    "generation": 7, "config_hash": "a" * 64, "health": "healthy", "was": None, "wanted": "a" * 64, "attempt": 1,
    "committed": "a" * 64, "overlay": "b" * 64, "version": "1.0", "phase": "settled", "waiting_for": None,
    "result": {"release": "a" * 64, "overlay": "b" * 64, "attempt": 1, "outcome": "failed", "code": "gate",
               "detail": "d", "at": 1},
}).encode()  # fmt: skip
FORESEEN = json.dumps({
    "outcome": "rehearsed", "said": "s", "would": "update", "lacks_bundle": "a" * 64,
    "changes": [{"path": "/a", "now": "1", "then": None}],
}).encode()  # fmt: skip
RECORD = b'{"subject":{"form":"pyvorin-push-1","generations":{"a":1}}}\n{"result":{"host":"a","state":"committed"}}\n'
NOTHING = Contents(directive=None, assignment=None, releases={}, blobs={})
INVENTORIES = (
    b'[defaults]\nuser = "pi"\n[[host]]\nname = "a"\nlabels = { a = "b" }\n',
    b"[web]\nweb[01:03] ansible_port=22\n[all:children]\nweb\n[web:vars]\na=b\n",
    b"all: {children: {web: {hosts: {'a[1:2]': {ansible_port: 1}}, vars: {a: b}}}}\n",
    b"Host a b # c\n HostName x\nInclude y\n",
)


@FUZZ
@given(data=strange(ANSWER))
def test_an_answer_about_other_orders_is_never_taken_for_success(data: bytes) -> None:
    assert not judged("h", data, "", NOTHING).state.good


@FUZZ
@given(data=strange(FORESEEN))
def test_the_answer_to_a_check_has_a_state_whatever_it_is(data: bytes) -> None:
    assert foreseen("h", data, "").state in HostState
    lacking(data)


@FUZZ
@given(data=strange(*INVENTORIES), kind=st.sampled_from(InventoryKind))
def test_an_inventory_is_read_or_refused(data: bytes, kind: InventoryKind) -> None:
    try:
        found = read_inventory(data.decode("utf-8", "replace"), kind)
    except InventoryError:
        return
    assert found.hosts


@FUZZ
@given(data=strange(RECORD))
def test_a_record_is_read_or_refused(data: bytes) -> None:
    try:
        _, whole = read_record(data)
    except PushError:
        return
    assert 0 < whole <= len(data)


@FUZZ
@given(data=strange(b'{"v":1,"directive":"{}","releases":["x"],"blobs":["YQ=="]}'))
def test_a_parcel_is_read_or_refused(data: bytes) -> None:
    try:
        contents_of(data)
    except ParcelError:
        return

"""Whatever stands in a file of `apply -f` is read, or refused by the documented errors; what is read can be written."""

from __future__ import annotations

from hypothesis import given

from fuzz.spoiling import FUZZ, strange
from pyv_fleet.core.declared.documents import DocumentsRefused, documents_of, plain
from pyv_fleet.core.declared.text import TextRefused, read_json, read_yaml, written

YAML = b"""\
apiVersion: fleet.pyvorin/v1
kind: Channel
metadata: {name: stable}
spec:
  beat_seconds: 30
  freezes: [{begins_at: "2036-12-20T00:00:00Z", ends_at: "2037-01-02T00:00:00Z", reason: "holi\\u00e9days"}]
  window: {activate: {days: [sat], from: "22:00", to: "05:00"}}
---
apiVersion: fleet.pyvorin/v1
kind: Group
metadata: {name: a}
spec: {everyone: true, values: {a: {b: [1, 2.5, null, "x"]}}, labels: {a: b}}
"""
JSON = b"""[{"apiVersion": "fleet.pyvorin/v1", "kind": "Policy", "metadata": {"name": "a"},
  "spec": {"waves": ["1", "100%"]}}]"""


@FUZZ
@given(data=strange(YAML, JSON))
def test_documents_are_read_or_refused_and_what_is_read_can_be_written(data: bytes) -> None:
    for read in (read_yaml, read_json):
        try:
            found = documents_of([("a", read(data))])
        except (TextRefused, DocumentsRefused):
            continue
        text = written([plain(one.kind, one.name, one.spec) for one in found])
        again = documents_of([("a", read_yaml(text.encode()))])
        assert [one.spec for one in again] == [one.spec for one in found]

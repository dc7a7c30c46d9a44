"""The archive: parts fail alone, bytes are the same for the same parts, secrets are out of all of it."""

from __future__ import annotations

import io
import json
import tarfile

from pyv_edge_agent.support.archive import PART_BYTES_MAX, make
from pyv_edge_agent.support.hiding import Hider


def fail() -> bytes:
    raise OSError(5, "the hunter22 disk")


def read(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]


def test_a_part_that_fails_is_named_with_its_reason_and_the_rest_is_there() -> None:
    made = make("f", {"a.txt": lambda: b"a", "b.txt": fail}, Hider(["hunter22"]), 7)
    files = read(made.data)
    assert files["f/a.txt"] == b"a"
    assert "f/b.txt" not in files
    assert json.loads(files["f/summary.json"])["parts"] == {"a.txt": "whole", "b.txt": made.parts["b.txt"]}
    assert "[redacted] disk" in str(made.parts["b.txt"])


def test_the_same_parts_give_the_same_bytes() -> None:
    parts = {"b": lambda: b"2", "a": lambda: b"1"}
    assert make("f", parts, Hider([]), 7).data == make("f", dict(reversed(parts.items())), Hider([]), 7).data


def test_a_part_without_end_is_cut_off() -> None:
    files = read(make("f", {"a": lambda: b"x" * (PART_BYTES_MAX + 1)}, Hider([]), 7).data)
    assert files["f/a"].endswith(b"[cut off here]\n")

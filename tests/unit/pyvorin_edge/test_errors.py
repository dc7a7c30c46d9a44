"""The SDK's errors: one tree, and each says where."""

from __future__ import annotations

from pyvorin_edge import errors


def test_every_error_is_of_one_tree() -> None:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.PyvorinError) for kind in found)


def test_a_canonical_error_says_where_and_why() -> None:
    assert str(errors.CanonicalError("/a/b", "a date")) == "/a/b: a date"
    assert str(errors.CanonicalError("", "a date")) == "/: a date"


def test_a_wire_error_says_where_if_it_knows() -> None:
    assert str(errors.WireError("not JSON")) == "not JSON"
    assert str(errors.WireError("an infinity", "/a")) == "/a: an infinity"
    assert str(errors.WireError("an infinity", "")) == "the document: an infinity"

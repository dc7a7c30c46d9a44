"""What changes is said by key path; a secret only that it changed."""

from __future__ import annotations

from pyv_fleet.core.differences import SECRET_CHANGED, Change, changes_between


def test_each_key_path_is_named_with_both_values() -> None:
    assert changes_between({"a": {"b": 1}, "gone": True}, {"a": {"b": 2.5}, "new": [1]}) == (
        Change(pointer="/a/b", before="1", after="2.5"),
        Change(pointer="/gone", before="true", after=None),
        Change(pointer="/new", before=None, after="[1]"),
    )


def test_a_secret_shows_no_value() -> None:
    (change,) = changes_between({"cloud": {"api_key": "one"}}, {"cloud": {"api_key": "two"}})
    assert (change.before, change.after) == (SECRET_CHANGED, SECRET_CHANGED)


def test_equal_documents_have_no_change() -> None:
    assert changes_between({"a": 5}, {"a": 5}) == ()


def test_what_lies_below_a_hidden_value_is_a_secret_that_changed() -> None:
    (change,) = changes_between({"auth": {"token": {"a": 1}}}, {"auth": {"token": {"a": 2}}})
    assert (change.before, change.after) == (SECRET_CHANGED, SECRET_CHANGED)

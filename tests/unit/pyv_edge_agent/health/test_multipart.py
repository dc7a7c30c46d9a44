"""A form's field comes out exactly as it was sent; anything else is refused with a reason."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from pyv_edge_agent.health.multipart import MultipartError, field_of

FORM = "multipart/form-data; boundary=b"


@given(st.binary(max_size=200), st.text("abc.\"'é", min_size=1, max_size=8))
def test_what_requests_sends_comes_out_the_same(content: bytes, filename: str) -> None:
    sent = Request("POST", "http://x/", files={"other": b"1", "config": (filename, content)}).prepare()
    assert isinstance(sent.body, bytes)
    assert field_of(sent.body, sent.headers["Content-Type"], "config") == content


@pytest.mark.parametrize(
    ("body", "content_type", "word"),
    [
        (b"{}", "application/json", "multipart/form-data"),
        (b"", "multipart/form-data", "boundary"),
        (b"", FORM, "cut off"),
        (b'--b\r\nContent-Disposition: form-data; name="config"\r\n\r\nx', FORM, "cut off"),
        (b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n", FORM, "no name"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n', FORM, "it has 0"),
        (b'--b\r\nContent-Disposition: form-data; name="config"\r\n\r\nx\r\n' * 2 + b"--b--\r\n", FORM, "it has 2"),
    ],
)
def test_what_is_no_such_form_is_refused(body: bytes, content_type: str, word: str) -> None:
    with pytest.raises(MultipartError, match=word):
        field_of(body, content_type, "config")


def test_the_name_is_not_taken_from_filename() -> None:
    body = b'--b\r\nContent-Disposition: form-data; filename="config"; name="a"\r\n\r\nx\r\n--b--\r\n'
    assert field_of(body, FORM, "a") == b"x"


@given(st.binary(max_size=100), st.text(max_size=60))
def test_any_bytes_end_in_content_or_refusal(body: bytes, content_type: str) -> None:
    for kind in (content_type, FORM):
        with contextlib.suppress(MultipartError):
            field_of(body, kind, "config")

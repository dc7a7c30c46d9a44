"""Files go up in pieces and come down whole, or the error says which file it was."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import httpx
import pytest

from pyv_fleet.client import Refused
from pyv_fleet.transfers import PIECE_BYTES, BundleClient

DATA = bytes(PIECE_BYTES) + b"the rest"
NAME = hashlib.sha256(DATA).hexdigest()


class Held(BundleClient):
    """A controller that holds one growing file and answers on no wire."""

    def __init__(self, held: bytes = b"") -> None:
        super().__init__("https://nowhere", "t")
        self.held = bytearray(held)
        self.pieces: list[int] = []

    def answer(self, method: str, path: str, body: bytes | None = None, **more: object) -> httpx.Response:
        headers = more["headers"]
        assert isinstance(headers, dict)
        if method == "GET":
            first, last = headers["Range"].removeprefix("bytes=").split("-")
            return httpx.Response(206, content=bytes(self.held[int(first) : int(last) + 1]))
        if body:
            assert int(headers["Content-Range"].removeprefix("bytes ").split("-")[0]) == len(self.held)
            self.pieces.append(len(body))
            self.held += body
        total = int(headers["Content-Range"].rpartition("/")[2])
        view = {"sha256": NAME, "size": total, "received": len(self.held), "complete": len(self.held) == total}
        return httpx.Response(200, json=view)


def test_a_file_goes_up_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    client = Held()
    assert client.upload_bundle(tmp_path / "f").complete
    assert (client.pieces, bytes(client.held)) == ([PIECE_BYTES, 8], DATA)


def test_what_is_there_is_not_sent_again(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    client = Held(DATA[:-3])
    client.upload_bundle(tmp_path / "f")
    assert client.pieces == [3]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(Refused, match="is empty"):
        Held().upload_bundle(tmp_path / "f")


def test_a_file_comes_down_as_it_is_named() -> None:
    into = io.BytesIO()
    Held(DATA).download_bundle(NAME, len(DATA), into)
    assert into.getvalue() == DATA


def test_another_content_is_refused() -> None:
    with pytest.raises(Refused, match="another content"):
        Held(DATA[:-1] + b"!").download_bundle(NAME, len(DATA), io.BytesIO())

"""From release and overlay to the file that would run; what is unfit is named (rules 4, 10)."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_edge_agent.core.staging import Laid, Unfit, lay
from pyvorin_edge import orders
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import overlay_digest
from pyvorin_edge.vocabulary import Cause, ConfigFormat
from running.brain import a_target

BLOB = b"# a comment stays\n[windows]\ndefault_size = 5\n"


def release(blob: bytes = BLOB, **fields: Any) -> orders.Release:
    values = {
        "v": 1,
        "fleet": "acme",
        "version": "1.0",
        "config": orders.ConfigRef(sha256=digest_of(blob), size=len(blob), format=ConfigFormat.TOML),
        "golden_hash": golden_hash(BLOB, ConfigFormat.TOML, {}),
        "form": "sorted-json-1",
        "floor": 2,
    }
    return orders.Release(**{**values, **fields})


def test_without_an_overlay_the_file_is_the_blob_byte_for_byte() -> None:
    laid = lay(release(), a_target(), BLOB, {})
    assert isinstance(laid, Laid)
    assert laid.data == BLOB
    assert (laid.installed.file, laid.installed.config, laid.installed.floor) == (digest_of(BLOB), digest_of(BLOB), 2)


def test_with_an_overlay_it_is_written_anew_and_has_its_own_hash() -> None:
    overlay = {"windows": {"default_size": 9}}
    laid = lay(release(), a_target(overlay=overlay_digest(overlay)), BLOB, overlay)
    assert isinstance(laid, Laid)
    assert b"default_size = 9" in laid.data
    assert laid.installed.config_hash == golden_hash(BLOB, ConfigFormat.TOML, overlay)
    assert laid.installed.file == digest_of(laid.data)


@pytest.mark.parametrize("overlay", [{}, {"windows": {"default_size": 9}}])
def test_another_golden_hash_than_the_release_says_is_rejected(overlay: dict[str, Any]) -> None:
    unfit = lay(release(golden_hash=Digest("0" * 64)), a_target(), BLOB, overlay)
    assert isinstance(unfit, Unfit)
    assert unfit.code is Cause.HASH


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"[windows\n", "TOML"),
        (b"\xff\xfe", ""),
        (b"[windows]\ndefault_sise = 5\n", "default_sise"),
        (b"[windows]\ndefault_size = 'many'\n", "/windows/default_size"),
    ],
)
def test_what_does_not_parse_or_validate_is_rejected_with_its_place(blob: bytes, said: str) -> None:
    unfit = lay(release(blob), a_target(), blob, {})
    assert isinstance(unfit, Unfit)
    assert unfit.code is Cause.INVALID
    assert said in unfit.detail


def test_an_overlay_can_make_it_unfit() -> None:
    unfit = lay(release(), a_target(), BLOB, {"windows": {"default_size": "many"}})
    assert isinstance(unfit, Unfit)
    assert unfit.code is Cause.INVALID


def test_variables_are_the_shells_question() -> None:
    blob = b'[cloud]\napi_key = "${KEY}"\n'
    laid = lay(release(blob, golden_hash=golden_hash(blob, ConfigFormat.TOML, {})), a_target(), blob, {})
    assert isinstance(laid, Laid)

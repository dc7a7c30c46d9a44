"""The vector files are what their script writes: another language may trust them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

VECTORS = Path(__file__).parent / "vectors"
_SPEC = importlib.util.spec_from_file_location("vectors_make", VECTORS / "make.py")
assert _SPEC is not None
assert _SPEC.loader is not None
make = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make)


@pytest.mark.parametrize("maker", make.VECTORS, ids=lambda maker: maker.__name__)
def test_a_vector_file_is_what_the_script_writes(maker) -> None:
    on_disk = (VECTORS / f"{maker.__name__}.json").read_text(encoding="ascii")
    assert on_disk == make.written(maker.__name__, maker()), "run python tests/unit/pyvorin_edge/vectors/make.py"


def test_every_vector_file_has_its_maker() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == {maker.__name__ for maker in make.VECTORS}

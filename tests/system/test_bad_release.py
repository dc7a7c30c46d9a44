"""A release that is bad stops in its canary, whatever is bad about it; `make bench-bad-release` shows it with 1,000."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from running.bad_releases import KINDS, Fleet, fleet

pytestmark = pytest.mark.timeout(600)
CANARY = 4


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("bad"), devices=40, canary=CANARY) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_it_stops_in_the_canary(many: Fleet, kind: str) -> None:
    stopped = many.stop(kind)
    print(stopped)
    assert stopped.state != "completed"
    assert 1 <= stopped.touched <= CANARY

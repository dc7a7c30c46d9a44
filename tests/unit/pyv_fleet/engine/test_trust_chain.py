"""The chain is loaded for the fleet that the store holds, and for no other."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from pyv_fleet.engine.errors import Conflict
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.trust_chain import TrustChain
from running.bench import bench


def test_settings_of_another_fleet_are_refused_before_anything_is_signed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            other = Ground(place.database, place.time.now, secrets.token_bytes, "other")
            with pytest.raises(Conflict, match=r"'test'.*'other'"):
                await TrustChain.load(other)

    asyncio.run(scene())

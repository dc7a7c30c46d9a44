"""A device that no longer heals itself calls for a person; an alert that the device has answered is over."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pyv_fleet.core.views import ChannelBody
from pyvorin_edge.report import DriftState
from pyvorin_edge.vocabulary import DriftKind, DriftPolicy, Standing
from running.bench import Bench, bench, said

EDITED = DriftState(
    standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), applied_hash="a" * 64, live_hash="b" * 64, paths=("/a",)
)
WELL = DriftState(standing=Standing.IN_STEP, applied_hash="a" * 64, live_hash="a" * 64)


async def firing(place: Bench) -> list[str]:
    await place.engine.drift_watch.look()
    return sorted(one.name for one in (await place.desk.alerting.page(None, 9)).items if one.state == "firing")


def test_healing_that_stopped_is_told_of_and_an_alert_of_the_articles_script_ends(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            release = await place.release("1.0")
            await place.desk.put_channel("stable", ChannelBody(drift_policy=DriftPolicy.REMEDIATE), "me")
            await place.order(release)
            await place.heard(said("dev-a", channel="stable", drift=EDITED))
            assert await firing(place) == ["config_drift"]
            place.time.forward(181)
            assert await firing(place) == ["config_drift", "healing_stopped"]
            await place.heard(said("dev-a", seq=2, channel="stable", drift=WELL))
            assert await firing(place) == []
            await place.desk.article_alert("dev-a", "config_drift", "f" * 64, False)
            assert await firing(place) == ["config_drift"], "it said so before: no answer"
            place.time.forward(1)
            await place.heard(said("dev-a", seq=3, channel="stable", drift=WELL))
            assert await firing(place) == []

    asyncio.run(scene())

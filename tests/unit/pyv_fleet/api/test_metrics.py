"""`/metrics` with the article's names."""

from __future__ import annotations

from running.faces import Browser, StandInDesk, app_of

BROWSER = Browser(app_of(StandInDesk()), address="127.0.0.1")


def test_the_articles_figures_stand_under_their_names() -> None:
    text = BROWSER("GET", "/metrics").text
    assert "pyvorin_fleet_healthy 2.0" in text
    assert "pyvorin_fleet_unhealthy 0.0" in text
    assert "pyvorin_fleet_avg_cpu 12.5" in text


def test_devices_are_counted_by_connectivity_and_rollouts_by_state() -> None:
    text = BROWSER("GET", "/metrics").text
    assert 'pyvorin_fleet_devices{connectivity="online"} 2.0' in text
    assert 'pyvorin_fleet_rollouts{state="reverted"} 1.0' in text


def test_scraping_often_costs_no_more_than_scraping_once() -> None:
    desk = StandInDesk()
    app = app_of(desk)

    async def often() -> None:
        for _ in range(5):
            await Browser(app, address="127.0.0.1").call("GET", "/metrics")

    import asyncio

    asyncio.run(often())
    first = len(desk.asked)
    assert first <= 8


def test_drift_and_lag_are_counted_by_channel_and_kind() -> None:
    text = BROWSER("GET", "/metrics").text
    assert 'pyvorin_fleet_standing{channel="stable",standing="both"} 1.0' in text
    assert 'pyvorin_fleet_lag{channel="stable",kind="overdue"} 1.0' in text
    assert 'pyvorin_fleet_drift{kind="edited"} 1.0' in text
    assert 'pyvorin_fleet_alerts_not_raised_total{name="config_drift"} 0.0' in text


def test_polls_are_counted_by_how_they_went() -> None:
    text = BROWSER("GET", "/metrics").text
    assert 'pyvorin_fleet_polls_total{outcome="timeout"} 0.0' in text
    assert "_created" not in text

"""What polls tell, and which addresses may be polled."""

from __future__ import annotations

import datetime as dt

import pytest

from pyv_fleet.core.polling import PollAddress, PolledView, after_poll, parse_address, parse_prometheus_url, silent
from pyv_fleet.core.words import PollFailure, PollOutcome

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://10.0.0.7:8080", PollAddress("10.0.0.7", 8080)),
        ("http://[::1]:8080/", PollAddress("::1", 8080)),
        ("https://edge.example:443", PollAddress("edge.example", 443, tls=True)),
    ],
)
def test_an_address_is_a_host_and_a_port(url: str, address: PollAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "10.0.0.7:8080", "http://10.0.0.7", "ftp://a:1", "http://a:99999", "http://a:x", "http://:80", "http://u:p@a:1",
     "http://a:1/metrics", "http://a:1?b", "http://[::1:80"],
)  # fmt: skip
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_address(url)


def after(*polls: tuple[PollOutcome, bool]) -> PolledView | None:
    polled: PolledView | None = None
    for outcome, online in polls:
        polled = after_poll(polled, outcome, "seen", AT, online=online)
    return polled


def test_two_failures_in_a_row_matter() -> None:
    failed = (PollOutcome.TIMEOUT, True)
    answered = (PollOutcome.ANSWERED, True)
    assert not silent(None)
    assert not silent(after(failed))
    assert silent(after(failed, failed))
    assert not silent(after(failed, answered, failed))


def test_failures_of_a_device_that_is_offline_do_not_count() -> None:
    offline = (PollOutcome.REFUSED, False)
    assert not silent(after(offline, offline, offline, (PollOutcome.REFUSED, True)))


def test_every_failure_has_its_outcome() -> None:
    assert {PollOutcome(failure.value) for failure in PollFailure} == {*PollOutcome} - {PollOutcome.ANSWERED}


@pytest.mark.parametrize(
    ("url", "address", "prefix"),
    [
        ("http://prom:9090", PollAddress("prom", 9090), ""),
        ("https://prom/prometheus/", PollAddress("prom", 443, True), "/prometheus"),
        ("http://[::1]:9090", PollAddress("::1", 9090), ""),
    ],
)
def test_prometheus_address_may_have_a_prefix(url: str, address: PollAddress, prefix: str) -> None:
    assert parse_prometheus_url(url) == (address, prefix)


@pytest.mark.parametrize("url", ["prom:9090", "ftp://prom", "http://", "http://prom?x=1", "http://me:pw@prom"])
def test_what_is_no_address_of_prometheus_is_refused_without_repeating_a_login(url: str) -> None:
    with pytest.raises(ValueError) as why:
        parse_prometheus_url(url)
    assert "pw" not in str(why.value)

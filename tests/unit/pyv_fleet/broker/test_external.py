"""A broker by URL."""

import asyncio

import pytest

from pyv_fleet.broker.external import from_url, parse_url
from pyv_fleet.broker.interface import Broker, BrokerAddress, BrokerError, BrokerUnsupported


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtts://broker.example", BrokerAddress("broker.example", 8883)),
        ("mqtts://broker.example:443/", BrokerAddress("broker.example", 443)),
        ("mqtts://[2001:db8::1]:8884", BrokerAddress("2001:db8::1", 8884)),
    ],
)
def test_an_address_is_read_from_a_url(url: str, address: BrokerAddress) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "mqtt://broker.example",
        "mqtts://",
        "mqtts://b:99999",
        "mqtts://u:p@b",
        "mqtts://b/x",
        "mqtts://[x",
    ],
)
def test_anything_else_is_an_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(BrokerError, match=r"broker\.url"):
        parse_url(url)


def test_the_controller_may_have_a_listener_of_its_own() -> None:
    broker: Broker = from_url("mqtts://a", "mqtts://b:1")
    assert (str(broker.devices_address), str(broker.controller_address)) == ("a:8883", "b:1")


def test_what_only_its_administration_can_do_is_refused_in_words() -> None:
    broker = from_url("mqtts://a")
    asyncio.run(broker.start())
    asyncio.run(broker.reload())
    asyncio.run(broker.stop())
    assert broker.running
    with pytest.raises(BrokerUnsupported):
        asyncio.run(broker.reload(crl=b""))
    with pytest.raises(BrokerUnsupported, match="dev-a"):
        asyncio.run(broker.revoke("dev-a", b""))

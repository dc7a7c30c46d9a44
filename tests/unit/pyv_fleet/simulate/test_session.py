"""What gmqtt keeps to itself: which report the broker has acknowledged. (The connection itself: tests/system.)"""

from __future__ import annotations

from pyv_fleet.simulate.session import Acknowledgements


def test_the_report_whose_packet_is_acknowledged_is_told_once_and_no_other_packet() -> None:
    told: list[int] = []
    store = Acknowledgements(told.append)
    store.next_seq = 7
    store.push_message(1, b"report")
    store.next_seq = None
    store.push_message(2, b"response")
    store.remove_message_by_mid(2)
    assert told == []
    store.remove_message_by_mid(1)
    store.remove_message_by_mid(1)
    assert told == [7]


def test_a_report_that_was_sent_again_under_another_packet_is_told_by_that_one() -> None:
    told: list[int] = []
    store = Acknowledgements(told.append)
    for packet in (1, 2):
        store.next_seq = 7 + packet
        store.push_message(packet, b"report")
    store.remove_message_by_mid(2)
    assert told == [9]

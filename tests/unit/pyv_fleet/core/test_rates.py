"""A bucket for each address."""

from __future__ import annotations

from pyv_fleet.core.rates import ADDRESSES_MAX, Rates


def test_a_burst_then_as_fast_as_it_fills() -> None:
    rates = Rates(burst=3, per_second=1.0)
    assert [rates.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rates.take("a", 0.5) is False
    assert rates.take("a", 1.1) is True


def test_one_address_does_not_take_from_another() -> None:
    rates = Rates(burst=1, per_second=1.0)
    assert rates.take("a", 0.0)
    assert rates.take("b", 0.0)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    rates = Rates(burst=1, per_second=1.0)
    rates.take("a", 10.0)
    assert rates.take("a", 5.0) is False


def test_it_does_not_grow_without_bound() -> None:
    rates = Rates(burst=1, per_second=1.0)
    for number in range(ADDRESSES_MAX + 50):
        rates.take(str(number), 0.0)
    assert len(rates._left) <= ADDRESSES_MAX

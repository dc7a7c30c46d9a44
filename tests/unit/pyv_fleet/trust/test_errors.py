"""One tree of errors."""

from pyv_fleet.trust import errors


def test_every_error_of_this_room_can_be_caught_as_one() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert all(issubclass(kind, errors.TrustRoomError) for kind in kinds)

"""For devices without MQTT: report and desired over HTTPS."""

from __future__ import annotations

from running.faces import Browser, StandInDesk, app_of, certificate

OWN = certificate("FLEET-1")


def browser(desk: StandInDesk) -> Browser:
    desk.certificates = {"FLEET-1": OWN.serial_number}
    return Browser(app_of(desk), bearing=OWN)


def test_a_report_is_taken_raw_and_answered_with_the_etag_of_what_is_desired() -> None:
    desk = StandInDesk()
    call = browser(desk)
    answer = call("POST", "/v1/devices/FLEET-1/report", content=b'{"v": 1}')
    assert answer.status_code == 204
    assert desk.asked == [("accept_report", "FLEET-1", b'{"v": 1}')]
    assert answer.headers["etag"] == call("GET", "/v1/devices/FLEET-1/desired").headers["etag"]


def test_what_is_known_already_is_304() -> None:
    call = browser(StandInDesk())
    first = call("GET", "/v1/devices/FLEET-1/desired")
    assert first.json() == {"directive": '{"directive": 1}', "assignment": '{"assignment": 1}', "trust": 1}
    again = call("GET", "/v1/devices/FLEET-1/desired", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_report_over_the_limit_is_refused() -> None:
    desk = StandInDesk()
    answer = browser(desk)("POST", "/v1/devices/FLEET-1/report", content=b"x" * 20_000)
    assert (answer.status_code, desk.asked) == (413, [])

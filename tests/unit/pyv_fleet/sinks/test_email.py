"""E-mail: one plain message for all, known again by its Message-ID, and errors that repeat nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
from email import message_from_string, policy
from email.message import EmailMessage
from typing import cast

import pytest

from pyv_fleet.core.notifying import Notification, ToldAlert
from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.sinks.email import Email, message_of, text_of
from pyv_fleet.sinks.interface import Letter, NotTaken
from running.receivers import mailbox

ALERT = ToldAlert(
    id="a-1", name="cpu", state=AlertState.FIRING, severity=Severity.CRITICAL, detail="hot\nthing",
    raised_at=dt.datetime(2026, 6, 2, tzinfo=dt.UTC), subject="dev-a",
)  # fmt: skip
SAID = Notification(group="cpu site=berlin", firing=1, resolved=0, alerts=(ALERT,))
LETTER = Letter(id="0198", fleet="lab", made_at=1, sent_at=2, notification=SAID)


def mail(port: int) -> Email:
    return Email(
        name="mail", host="127.0.0.1", port=port, security="none", sender="fleet@lab.example",
        to=("ops@lab.example", "anna@lab.example"), timeout_seconds=5,
    )  # fmt: skip


def test_it_reaches_everyone_and_says_what_holds() -> None:
    with mailbox() as box:
        asyncio.run(mail(box.port).send(LETTER))
    ((to, text),) = box.messages
    message = cast(EmailMessage, message_from_string(text, policy=policy.default))
    assert to == ("ops@lab.example", "anna@lab.example")
    assert message["Message-ID"] == "<0198@pyvorin-fleet.lab>"
    assert message["Subject"] == "[lab] cpu site=berlin: 1 firing (hot thing)"
    assert "CRITICAL cpu dev-a" in message.get_content()


def test_a_refusal_is_said_by_its_number_alone() -> None:
    with mailbox() as box:
        box.answer = b"554 5.7.1 your password hunter2 is bad\r\n"
        with pytest.raises(NotTaken, match=r"answered 554$"):
            asyncio.run(mail(box.port).send(LETTER))


def test_nobody_at_home_is_said() -> None:
    with pytest.raises(NotTaken, match="cannot be reached"):
        asyncio.run(mail(1).send(LETTER))


def test_a_server_without_tls_gets_no_mail_unless_the_settings_say_so() -> None:
    with mailbox() as box:
        strict = Email(name="m", host="127.0.0.1", port=box.port, sender="a@b.example", to=("c@d.example",))
        with pytest.raises(NotTaken):
            asyncio.run(strict.send(LETTER))
    assert box.messages == []


def test_a_storm_is_counted_and_a_test_says_that_it_is_one() -> None:
    storm = Notification(group="cpu", firing=300, resolved=0, alerts=(ALERT,) * 200)
    assert "and 250 more" in text_of(storm)
    assert "This is a test" in text_of(Notification(group="test", firing=0, resolved=0, alerts=(), test=True))


def test_no_header_is_broken_by_what_a_device_said() -> None:
    alert = ToldAlert(
        id="a", name="x", state=AlertState.FIRING, severity=Severity.INFO, detail="a\r\nBcc: evil@x.example",
        raised_at=ALERT.raised_at,
    )  # fmt: skip
    letter = Letter(id="1", fleet="lab", made_at=1, sent_at=1,
                    notification=Notification(group="x", firing=1, resolved=0, alerts=(alert,)))  # fmt: skip
    assert message_of(letter, "a@b.example", ("c@d.example",))["Bcc"] is None

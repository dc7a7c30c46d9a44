"""E-mail by SMTP: plain text, TLS unless the settings say otherwise, one message a notification."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from typing import Final, Literal

import msgspec

from pyv_fleet.core.notifying import Notification, ToldAlert
from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.sinks.interface import Letter, NotTaken
from pyv_fleet.sinks.secrets import Secret

ALERTS_SHOWN: Final = 50


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """A sink: see interface.py."""

    name: str
    host: str
    port: int
    #: `tls` from the first byte, `starttls`, or `none` on one's own machine
    security: Literal["tls", "starttls", "none"] = "starttls"
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: Secret = Secret()
    least: Severity = Severity.INFO
    #: of each step of the exchange; three times that for all of it
    timeout_seconds: float = 10.0

    @property
    def place(self) -> str:
        """The server."""
        return f"smtp://{self.host}:{self.port}"

    async def send(self, letter: Letter) -> None:
        """One message to all; NotTaken."""
        try:
            async with asyncio.timeout(self.timeout_seconds * 3):
                await asyncio.to_thread(self._deliver, message_of(letter, self.sender, self.to))
        except TimeoutError:
            raise NotTaken(f"the mail server did not take it within {self.timeout_seconds * 3:g} s") from None
        except smtplib.SMTPResponseException as why:  # its text may repeat what we said
            raise NotTaken(f"the mail server answered {why.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise NotTaken("the mail server refused every recipient") from None
        except ssl.SSLError as why:
            raise NotTaken(f"TLS with the mail server failed: {why.reason}") from None
        except (smtplib.SMTPException, OSError) as why:
            raise NotTaken(f"the mail server cannot be reached: {type(why).__name__}") from None

    def _deliver(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)
        with server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password.read())
            server.send_message(message)


def message_of(letter: Letter, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The message; its Message-ID is the letter's, so that a repetition can be known."""
    message = EmailMessage()
    message["Message-ID"] = f"<{letter.id}@pyvorin-fleet.{letter.fleet}>"
    message["From"], message["To"] = sender, ", ".join(to)
    message["Subject"] = _line(f"[{letter.fleet}] {letter.notification.subject}")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(letter.notification))
    return message


def text_of(said: Notification) -> str:
    """The body: each alert in a few lines."""
    shown = said.alerts[:ALERTS_SHOWN]
    more = said.firing + said.resolved - len(shown)
    parts = ["\n".join(_lines(one)) for one in shown]
    parts += [f"and {more} more: pyv-fleet alert list --firing"] if more > 0 else []
    return "\n\n".join(parts or ["This is a test: nothing is wrong."]) + "\n"


def _lines(alert: ToldAlert) -> list[str]:
    word = "RESOLVED" if alert.state is AlertState.RESOLVED else alert.severity.value.upper()
    lines = [f"{word} {alert.name} {alert.subject}".rstrip(), f"  {alert.detail}"]
    lines += [f"  since {alert.raised_at:%Y-%m-%d %H:%M:%S} UTC"]
    lines += [f"  until {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC"] if alert.resolved_at else []
    return [*lines, f"  id {alert.id}"]


def _line(text: str) -> str:
    return " ".join(text.split())[:200]

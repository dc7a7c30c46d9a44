"""Asks Prometheus, or what speaks its instant query API, for one query's values now.

One time limit for a whole exchange, a bounded answer, no redirects. The address comes from the controller's settings,
never from a rollout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from pyv_fleet.core.own_metrics import NoValue
from pyv_fleet.core.polling import PollAddress
from pyv_fleet.link.device_http import Answer, PollError
from pyv_fleet.link.poller import exchange

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
TOKEN_BYTES_MAX: Final = 16 * 1024
QUERY_PATH: Final = "/api/v1/query"


class Prometheus(msgspec.Struct, frozen=True, kw_only=True):
    """Where it answers; https is verified by the system's own authorities."""

    address: PollAddress
    #: before `/api/v1/query`
    prefix: str = ""
    #: for a whole exchange
    timeout_seconds: float = 10.0
    #: a file whose text is sent as a bearer token, read anew each time: no secret stands in the settings
    token_file: Path | None = None

    async def ask(self, query: str) -> dict[str, Any]:
        """The answer to an instant query as it came; NoValue says why there is none."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            if self.token_file is not None:
                headers["Authorization"] = f"Bearer {_token(self.token_file)}"
            answer = await exchange(
                self.address,
                b"POST",
                self.prefix + QUERY_PATH,
                seconds=self.timeout_seconds,
                bytes_max=ANSWER_BYTES_MAX,
                headers=headers,
                body=urlencode({"query": query}).encode("ascii"),
            )
        except PollError as why:
            raise NoValue(f"{why.failure.sentence} ({why})") from None
        return _document(answer)


def _document(answer: Answer) -> dict[str, Any]:
    if answer.status not in (200, 400, 422, 503):
        raise NoValue(f"Prometheus answers HTTP {answer.status}")
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise NoValue(f"HTTP {answer.status}, and no JSON: {str(why)[:200]}") from None
    if not isinstance(document, dict):
        raise NoValue("the answer is no JSON object")
    return document


def _token(path: Path) -> str:
    """NoValue names the file, never its text."""
    try:
        with path.open("rb") as file:
            text = file.read(TOKEN_BYTES_MAX).decode("ascii").strip()
    except OSError as why:
        raise NoValue(f"prometheus.token_file {path}: {why.strerror}") from None
    except UnicodeDecodeError:
        raise NoValue(f"prometheus.token_file {path}: it is no token") from None
    if not text or any(letter.isspace() for letter in text):
        raise NoValue(f"prometheus.token_file {path}: one line with a token is wanted")
    return text

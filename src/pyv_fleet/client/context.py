"""The operator's home: where the fleet is, and what opens it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final

import msgspec

from pyv_fleet.client.errors import NoContext

CONTEXT_FILE: Final = "context.toml"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """`context.toml` in the operator's home: where the fleet is, and what opens it. Paths are relative to the file."""

    api: Annotated[str, msgspec.Meta(pattern="^https?://")]
    page: str = ""
    #: PEM of the server CA
    ca: str = "server_ca.pem"
    token_file: str = "token"
    release_key: str = "keys/release.key"
    root_key: str = "keys/root.key"


def read_context(home: Path) -> Context:
    """The context in an operator's home; NoContext says what is wrong and what to do."""
    path = home / CONTEXT_FILE
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Context)
    except OSError as why:
        raise NoContext(
            f"{path}: {why.strerror}; name the operator's home with --home, or make one with `pyv-fleet fleet init`"
        ) from None
    except (ValueError, msgspec.ValidationError) as why:  # not UTF-8, not TOML, not a context
        raise NoContext(f"{path}: {why}") from None

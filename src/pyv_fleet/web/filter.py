"""The text in the devices' filter, as what the store can search by."""

from __future__ import annotations

import shlex
from typing import Final

import msgspec

from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_channel, parse_device_id, parse_label
from pyvorin_edge.vocabulary import Connectivity, Standing

_CONNECTIVITY: Final = {word.value: word for word in Connectivity}
_STANDING: Final = {word.value: word for word in Standing}


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; all of it must hold."""

    device_id: str | None = None
    channel: str | None = None
    labels: dict[str, str] = {}
    connectivity: Connectivity | None = None
    standing: Standing | None = None
    #: a part that means nothing, for the person
    unknown: str | None = None

    @property
    def command(self) -> str:
        """The command that lists the same."""
        if self.device_id is not None:
            return f"pyv-fleet device show {shlex.quote(self.device_id)}"
        parts = ["pyv-fleet device list"]
        parts += [f"--channel {self.channel}"] if self.channel else []
        parts += [f"--label {key}={value}" for key, value in self.labels.items()]
        parts += [f"--connectivity {self.connectivity}"] if self.connectivity else []
        parts += [f"--standing {self.standing}"] if self.standing else []
        return " ".join(parts)


def parse_filter(text: str) -> DeviceFilter:
    """`offline`, `drifted`, `kind=real`, `channel:stable`, a device id; blanks between them mean "and"."""
    found = DeviceFilter()
    for word in text.split():
        try:
            found = _with(found, word)
        except IdentityError:
            return msgspec.structs.replace(found, unknown=word)
    return found


def _with(found: DeviceFilter, word: str) -> DeviceFilter:
    replace = msgspec.structs.replace
    if word.lower() in _CONNECTIVITY:
        return replace(found, connectivity=_CONNECTIVITY[word.lower()])
    if word.lower() in _STANDING:
        return replace(found, standing=_STANDING[word.lower()])
    if word.startswith("channel:"):
        return replace(found, channel=parse_channel(word.removeprefix("channel:")))
    if "=" in word:
        key, value = parse_label(word)
        return replace(found, labels={**found.labels, key: value})
    return replace(found, device_id=parse_device_id(word))

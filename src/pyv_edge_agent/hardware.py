"""What the machine says of itself: its serial, this boot's id, whether its clock is synchronised (PROTOCOL 2, 5.8)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import clean_serial
from pyvorin_edge.vocabulary import Clock

ROOT: Final = Path("/")
#: UUIDs that firmware vendors left in thousands of boards, and what systemd writes into an image's machine-id.
_SHARED: Final = frozenset(
    {
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "uninitialized",
    }
)
_SOURCE_BYTES_MAX: Final = 64 * 1024
_STA_UNSYNC: Final = 0x0040


class Serial(msgspec.Struct, frozen=True):
    """A hardware serial and the file that it stands in."""

    value: str
    source: str


def serial_of(root: Path = ROOT) -> Serial:
    """The first usable of cpuinfo's Serial line, device-tree serial, DMI product UUID and machine-id below `root`.

    A placeholder is passed over. IdentityError names each source and why it gave none: never a shared id. The DMI UUID
    is readable for root alone, so the id is kept in the state directory and not derived anew at each start.
    """
    tried: list[str] = []
    for source, found in _sources(root):
        try:
            if found.lower() in _SHARED:
                raise IdentityError(f"{found!r} is shared by many machines")
            return Serial(clean_serial(found), source)
        except IdentityError as why:
            tried.append(f"{source}: {why}")
    tried.extend(f"{name}: not readable or without a serial" for name in _silent(root))
    raise IdentityError(f"no hardware serial found ({'; '.join(tried)}); give --serial or --device-id")


def boot_id(root: Path = ROOT) -> str:
    """The machine's boot id: it stays while the machine runs, and no two boots share it; OSError if there is none."""
    return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def machine_boot_id() -> str:
    """The same; empty if there is none: then every start counts as within the same boot."""
    try:
        return boot_id()
    except OSError:
        return ""


def clock_state(forced: Clock | None = None, root: Path = ROOT) -> Clock:
    """Whether the clock can be believed; `forced` is the operator's word and goes before what the machine says.

    Synchronised is what the kernel calls so (adjtimex without STA_UNSYNC: chrony, ntpd, timesyncd, PTP set it), or what
    systemd-timesyncd has marked in this boot. Nothing is called out to: this is asked at every order.
    """
    if forced is not None:
        return forced
    marked = (root / "run/systemd/timesync/synchronized").exists()
    return Clock.SYNCED if marked or _kernel_synchronised() else Clock.UNSYNCED


def _sources(root: Path) -> Iterator[tuple[str, str]]:
    for name in _FILES:
        text = _read(root / name)
        found = _cpuinfo_serial(text) if name == _CPUINFO else text
        if found is not None:
            yield name, found.replace("\0", "").strip()


_CPUINFO: Final = "proc/cpuinfo"
_FILES: Final = (
    _CPUINFO,
    "proc/device-tree/serial-number",
    "sys/class/dmi/id/product_uuid",
    "etc/machine-id",
)


def _silent(root: Path) -> list[str]:
    spoke = {name for name, _ in _sources(root)}
    return [name for name in _FILES if name not in spoke]


def _cpuinfo_serial(text: str | None) -> str | None:
    for line in (text or "").splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == "Serial":
            return value
    return None


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_SOURCE_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return None


class _Timex(ctypes.Structure):
    """The head of `struct timex`; the kernel writes on into the padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("padding", ctypes.c_byte * 512),
    )


def _kernel_synchronised() -> bool:
    timex = _Timex()  # modes 0: reads only, needs no privilege
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False
    return state >= 0 and not timex.status & _STA_UNSYNC


def seed_of(device_id: str) -> int:
    """A device's own seed for its simulated sensors, from its id."""
    return int.from_bytes(device_id.encode("utf-8")) % 2**53

"""An OpenSSH config's hosts are the names that it spells out; patterns are no hosts."""

from __future__ import annotations

from pyv_fleet.core.inventory.openssh import read_ssh_config

TEXT = """
Include other.conf
Host gate-1 gate-2 # two
    HostName 10.0.0.1
Host *.lab !gate-3
host="gate-4"
Host\tgate-1
    User pi
"""


def test_names_are_taken_once_and_patterns_are_not() -> None:
    found = read_ssh_config(TEXT)
    assert [host.name for host in found.hosts] == ["gate-1", "gate-2", "gate-4"]
    assert all(host.address is None and host.user is None for host in found.hosts), "the SSH client reads those itself"
    assert "included" in found.notes[0]

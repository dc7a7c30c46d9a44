"""Four forms of inventory say the same hosts; whatever is wrong in one is named, and nothing else is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.inventory import Host, InventoryError, chosen, kind_of, read_inventory
from pyv_fleet.core.words import InventoryKind

TOML = """
[defaults]
user = "pi"
sudo = true
labels = { site = "north" }

[[host]]
name = "gate-1"
address = "10.0.0.11"
device = "FLEET-1"

[[host]]
name = "gate-2"
port = 2222
user = "root"
labels = { line = "a" }
canary = true
"""


def test_our_own_form_has_defaults_which_a_host_may_override() -> None:
    one, two = read_inventory(TOML, InventoryKind.TOML).hosts
    assert one == Host(
        name="gate-1", address="10.0.0.11", device="FLEET-1", user="pi", sudo=True, labels={"site": "north"}
    )
    assert (two.user, two.port, two.canary, two.labels) == ("root", 2222, True, {"site": "north", "line": "a"})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[[host]]\nname = "a"\nadress = "1"', "adress"),
        ('[[host]]\naddress = "1"', "without a name"),
        ('[[host]]\nname = "a"\nport = 0', "host 1 (a)"),
        ('[[host]]\nname = "a"\n[[host]]\nname = "a"', "two hosts have the name 'a'"),
        ('[[host]]\nname = "a"\ndevice = "d"\n[[host]]\nname = "b"\ndevice = "d"', "two hosts have the device id 'd'"),
        ('[[host]]\nname = "a"\naddress = "-oProxyCommand=x"', "is no address"),
        ('[[host]]\nname = "a"\nagent = "\'"', "agent"),
        ("[[hosts]]\n", "hosts"),
        ("nonsense", "[[host]]"),
        ("", "names no host"),
    ],
)
def test_what_is_wrong_in_our_own_form_is_named(text: str, names: str) -> None:
    with pytest.raises(InventoryError) as why:
        read_inventory(text, InventoryKind.TOML)
    assert names in str(why.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("fleet.toml", InventoryKind.TOML),
        ("a/hosts.yml", InventoryKind.ANSIBLE_YAML),
        ("~/.ssh/config", InventoryKind.SSH_CONFIG),
        ("/etc/ansible/hosts", InventoryKind.ANSIBLE_INI),
        ("hosts.ini", InventoryKind.ANSIBLE_INI),
    ],
)
def test_the_form_is_told_by_the_files_name(name: str, kind: InventoryKind) -> None:
    assert kind_of(name) is kind


def test_hosts_are_chosen_by_name_group_and_label() -> None:
    inventory = read_inventory("[web]\nweb[1:3] pyvorin_label_site=a\n[db]\ndb1\n", InventoryKind.ANSIBLE_INI)
    assert [one.name for one in chosen(inventory, names=["web2", "db1"], labels={})] == ["web2", "db1"]
    assert [one.name for one in chosen(inventory, groups=["db"], labels={})] == ["db1"]
    assert len(chosen(inventory, labels={"site": "a"})) == 3
    with pytest.raises(InventoryError, match="no host 'web9'"):
        chosen(inventory, names=["web9"], labels={})
    with pytest.raises(InventoryError, match="none of its 4 hosts"):
        chosen(inventory, names=["db1"], labels={"site": "a"})


@given(text=st.text(), kind=st.sampled_from(InventoryKind))
def test_any_text_is_read_or_refused_by_the_one_error(text: str, kind: InventoryKind) -> None:
    try:
        found = read_inventory(text, kind)
    except InventoryError:
        return
    assert found.hosts

"""Ansible's inventories as Ansible reads them: ranges, groups in groups, and whose variable counts."""

from __future__ import annotations

import pytest

from pyv_fleet.core.inventory.ansible import read_ini, read_yaml
from pyv_fleet.core.inventory.hosts import InventoryError

INI = """
# a comment
lone ansible_host=10.0.0.9

[web]
web[01:03:2].lab ansible_port=2222   ; trailing
db-[a:b] pyvorin_device=FLEET-x ansible_user='two words'

[sites:children]
web

[sites:vars]
ansible_user=pi
ansible_become=yes

[all:vars]
ansible_user=nobody
pyvorin_label_site=north
"""
YAML = """
all:
  vars: {ansible_user: nobody, pyvorin_label_site: north}
  hosts:
    lone: {ansible_host: 10.0.0.9}
  children:
    sites:
      vars: {ansible_user: pi, ansible_become: true}
      children:
        web:
          hosts:
            web[01:03:2].lab: {ansible_port: 2222}
            db-[a:b]: {ansible_user: two words, pyvorin_device: FLEET-x}
"""


@pytest.mark.parametrize("found", [read_ini(INI.replace("   ; trailing", "   # trailing")), read_yaml(YAML)])
def test_both_forms_say_the_same(found: object) -> None:
    hosts = {host.name: host for host in found.hosts}  # type: ignore[attr-defined]
    assert set(hosts) == {"lone", "web01.lab", "web03.lab", "db-a", "db-b"}
    assert (hosts["lone"].address, hosts["lone"].user, hosts["lone"].sudo) == ("10.0.0.9", "nobody", False)
    web = hosts["web03.lab"]
    assert (web.port, web.user, web.sudo, web.groups) == (2222, "pi", True, ("sites", "web"))
    assert hosts["db-a"].user == "two words", "a host's own word counts before its groups'"
    assert all(host.labels == {"site": "north"} for host in hosts.values())


def test_a_password_in_it_is_not_used_and_that_is_said() -> None:
    found = read_ini("a ansible_password=secret\n")
    assert "not used" in found.notes[0]
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[a]\nhost port\n", "line 2"),
        ("[a:vars]\nnothing\n", "line 2"),
        ("a[1:2:x]\n", "range"),
        ("a[1:20000]\n", "more than 10000"),
        ("[a:children]\nb\n", "no group"),
        ("[a:children]\nb\n[b:children]\na\n", "circle"),
        ("a ansible_port=none\n", "host a"),
        ('a "x\n', "line 1"),
    ],
)
def test_what_is_wrong_in_the_ini_form_is_named(text: str, names: str) -> None:
    with pytest.raises(InventoryError) as why:
        read_ini(text)
    assert names in str(why.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("- a\n", "a table of groups"),
        ("all: {host: {a: }}\n", "all.host"),
        ("all: {hosts: [a]}\n", "all.hosts"),
        ("a: [\n", "not YAML"),
        ("all: {hosts: {'a[1': }}\n", "range"),
    ],
)
def test_what_is_wrong_in_the_yaml_form_is_named(text: str, names: str) -> None:
    with pytest.raises(InventoryError) as why:
        read_yaml(text)
    assert names in str(why.value)

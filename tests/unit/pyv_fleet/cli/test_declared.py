"""`pyv-fleet apply | diff | get | delete`: through the real API, on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_fleet.core.policy import Policy
from pyv_fleet.core.words import AuthScope
from running.bench import Bench
from running.counter import Counter, counter

CONFIG = b'[logging]\nlevel = "INFO"\n'
WHY = ("--reason", "ticket 4711")
FLEET = """\
apiVersion: fleet.pyvorin/v1
kind: Rollout
metadata: {name: stable-1.1}
spec: {channel: stable, release: "1.1", soak_seconds: 600}
---
apiVersion: fleet.pyvorin/v1
kind: Group
metadata: {name: sites}
spec:
  selector: site=a
  values: {logging: {level: DEBUG}}
---
apiVersion: fleet.pyvorin/v1
kind: Channel
metadata: {name: stable}
spec:
  policy: careful
  beat_seconds: 30
  freezes:
    - {begins_at: "2036-12-20T00:00:00Z", ends_at: "2037-01-02T00:00:00Z", reason: holidays}
  window: {activate: {days: [sat, sun], from: "22:00", to: "05:00"}}
  hold_outs: [{where: {site: [lab]}, release: "1.0"}]
---
apiVersion: fleet.pyvorin/v1
kind: Policy
metadata: {name: careful}
spec: {waves: ["1", "100% approve"], soak_seconds: 60}
"""


async def furnish(place: Bench) -> None:
    for device_id in ("FLEET-1", "FLEET-2"):
        await place.enrol(device_id, token=await place.token(labels={"site": "a"}))
    await place.order(await place.release("1.0", CONFIG, open_pointers=("/logging",)))
    await place.release("1.1", CONFIG + b"\n", open_pointers=("/logging",))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Counter]:
    with counter(tmp_path, AuthScope.ADMIN) as made:
        made.do(furnish)
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "fleet.yaml"
    found.write_text(FLEET)
    return found


def acts(here: Counter, *words: str) -> dict[str, str]:
    return {f"{one['kind']}/{one['name']}": one["act"] for one in here.json(*words)}


def test_files_are_applied_once_and_then_nothing_changes_any_more(here: Counter, file: Path) -> None:
    assert here("diff", "-f", str(file)).exit_code == 3
    made = acts(here, "apply", "-f", str(file), *WHY)
    assert list(made) == ["Policy/careful", "Channel/stable", "Group/sites", "Rollout/stable-1.1"]
    assert list(made.values()) == ["created", "changed", "created", "created"]
    assert here.json("diff", "-f", str(file)) == []
    assert set(acts(here, "apply", "-f", str(file), *WHY).values()) == {"unchanged"}
    assert here.json("rollout", "show", "stable-1.1")["state"] == "rolling"
    reasons = {one["act"]: one["reason"] for one in here.json("audit", "list")["items"]}
    assert all("ticket 4711" in reasons[act] for act in ("policy.create", "channel.change", "group.create"))


def test_what_get_writes_is_what_apply_takes(here: Counter, file: Path, tmp_path: Path) -> None:
    assert here("apply", "-f", str(file), *WHY).exit_code == 0
    for form in ("yaml", "json"):
        again = tmp_path / f"again.{form}"
        again.write_text(here("get", "all", "-o", form).stdout)
        assert here("diff", "-f", str(again)).exit_code == 0
    assert 'release: "1.0"' in again.with_suffix(".yaml").read_text().replace("'", '"')
    assert "keepalive" not in again.with_suffix(".yaml").read_text()


def test_a_document_is_whole_what_it_does_not_name_has_its_default(here: Counter, file: Path) -> None:
    assert here("apply", "-f", str(file), *WHY).exit_code == 0
    file.write_text("apiVersion: fleet.pyvorin/v1\nkind: Channel\nmetadata: {name: stable}\nspec: {}\n")
    done = here("diff", "-f", str(file))
    assert "/beat_seconds" in done.stdout
    assert here("apply", "-f", str(file), *WHY).exit_code == 0
    assert here.json("channel", "show", "stable")["terms"]["beat_seconds"] == 60


def test_one_mistake_anywhere_and_nothing_is_done(here: Counter, file: Path) -> None:
    file.write_text(FLEET.replace("beat_seconds: 30", "beat_second: 30").replace("DEBUG}", "DEBUG, level: INFO}"))
    done = here("apply", "-f", str(file), *WHY)
    assert (done.exit_code, "stands twice" in done.stderr) == (2, True)
    file.write_text(FLEET.replace("beat_seconds: 30", "beat_second: 30"))
    done = here("apply", "-f", str(file), *WHY)
    assert done.exit_code == 2
    assert "fleet.yaml:18: document 3: spec" in done.stderr
    file.write_text(FLEET.replace("logging: {level", "health: {port"))
    done = here("apply", "-f", str(file), *WHY)
    assert (done.exit_code, "opens /logging" in done.stderr) == (1, True), done.stderr
    assert here.json("policy", "list") == []


def test_a_rollout_that_was_made_is_not_declared_otherwise_and_not_deleted_while_it_runs(
    here: Counter, file: Path
) -> None:
    assert here("apply", "-f", str(file), *WHY).exit_code == 0
    file.write_text(FLEET.replace("soak_seconds: 600", "soak_seconds: 6"))
    done = here("apply", "-f", str(file), *WHY)
    assert (done.exit_code, "another name" in done.stderr) == (6, True)
    one = ("delete", "rollout", "stable-1.1", *WHY, "--yes", "--expect-count", "1")
    refused = here(*one)
    assert (refused.exit_code, "rollout abort" in refused.stderr) == (6, True)
    assert here("rollout", "abort", "stable-1.1", "--stay", *WHY).exit_code == 0
    assert here(*one).exit_code == 0
    assert here(*one).exit_code == 5
    assert here.json("rollout", "list")["items"][0]["name"] is None


def test_what_is_in_use_stays_and_what_goes_is_counted(here: Counter, file: Path) -> None:
    assert here("apply", "-f", str(file), *WHY).exit_code == 0
    done = here("delete", "-f", str(file), *WHY)
    assert done.exit_code == 6
    assert "channel/stable: 2 devices are in it" in done.stderr
    assert "rollout/stable-1.1: it is" in done.stderr
    assert "channel stable names it" in here("delete", "policy", "careful", *WHY).stderr
    assert here("delete", "group", "sites", *WHY).exit_code == 2
    assert acts(here, "delete", "group", "sites", *WHY, "--yes", "--expect-count", "1") == {"Group/sites": "deleted"}
    assert here("channel", "set", "typo").exit_code == 0
    assert here("delete", "channel", "typo", *WHY, "--yes", "--expect-count", "1").exit_code == 0
    assert [one["name"] for one in here.json("channel", "list")] == ["stable"]


def test_what_another_wrote_meanwhile_is_not_overwritten(here: Counter, file: Path) -> None:
    async def meanwhile(place: Bench) -> None:
        await place.desk.policies.put("careful", Policy(soak_seconds=7), "another")

    from pyv_fleet.cli.declared_acts import perform
    from pyv_fleet.cli.declared_files import read_documents
    from pyv_fleet.cli.declared_fleet import fleet_of
    from pyv_fleet.client import FleetClient
    from pyv_fleet.core.declared.planning import plan

    documents = read_documents([str(file)])
    with FleetClient.at(here.home) as client:
        steps = plan(documents, fleet_of(client, ["stable-1.1"], ["1.0", "1.1"]))
        here.do(meanwhile)
        outcomes, code = perform(client, steps, "mine")
    assert code == 6
    assert [one.act for one in outcomes] == ["failed", "not_reached", "not_reached", "not_reached"]
    assert here.json("policy", "show", "careful")["terms"]["soak_seconds"] == 7

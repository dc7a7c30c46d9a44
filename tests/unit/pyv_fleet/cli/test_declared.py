"""`pyv-fleet apply | diff | get | delete`: through the real API, on the real engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_fleet.cli.declared_acts import perform
from pyv_fleet.cli.declared_files import read_documents
from pyv_fleet.cli.declared_fleet import fleet_of
from pyv_fleet.client import FleetClient
from pyv_fleet.core.declared.planning import plan
from pyv_fleet.core.policy import Policy
from pyv_fleet.core.words import AuthScope
from running.bench import Bench
from running.counter import Counter, counter

CONFIG = b'[logging]\nlevel = "INFO"\n'
WHY = ("--reason", "ticket 4711")
DIGITS = re.compile(r"[0-9a-f]{64}")
HEAD = "apiVersion: fleet.pyvorin/v1\nkind: "
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
  report_seconds: 600
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


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    """A fleet to which FLEET was applied."""
    with counter(tmp_path_factory.mktemp("declared"), AuthScope.ADMIN) as made:
        made.do(furnish)
        done = made("apply", "-f", "-", *WHY, input=FLEET)
        assert done.exit_code == 0, done.stderr
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "fleet.yaml"
    found.write_text(FLEET)
    return found


def acts(here: Counter, *words: str) -> dict[str, str]:
    return {f"{one['kind']}/{one['name']}": one["act"] for one in here.json(*words)}


def test_what_was_applied_stands_and_the_same_again_changes_nothing(here: Counter, file: Path) -> None:
    assert here.json("diff", "-f", str(file)) == []
    again = acts(here, "apply", "-f", str(file), *WHY)
    assert list(again) == ["Policy/careful", "Channel/stable", "Group/sites", "Rollout/stable-1.1"]
    assert set(again.values()) == {"unchanged"}
    assert here.json("rollout", "show", "stable-1.1")["state"] == "rolling"
    reasons = {one["act"]: one["reason"] for one in here.json("audit", "list")["items"]}
    made = ("policy.create", "channel.change", "group.create", "rollout.create")
    assert all("ticket 4711" in reasons[act] for act in made)


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_get_writes_is_what_apply_takes(here: Counter, tmp_path: Path, form: str) -> None:
    again = tmp_path / f"again.{form}"
    again.write_text(here("get", "all", "-o", form).stdout)
    assert here("diff", "-f", str(again)).exit_code == 0
    assert "keepalive" not in again.read_text()
    assert DIGITS.search(again.read_text()) is None


def test_a_document_is_whole_and_diff_shows_what_goes_back_to_its_default(here: Counter, tmp_path: Path) -> None:
    (tmp_path / "less.yaml").write_text(f"{HEAD}Channel\nmetadata: {{name: stable}}\nspec: {{policy: careful}}\n")
    done = here("diff", "-f", str(tmp_path), "-o", "csv")
    assert done.exit_code == 3
    assert "channel/stable,changed,/beat_seconds,30,60" in done.stdout
    dry = here("apply", "-f", str(tmp_path), "--dry-run", *WHY)
    assert (dry.exit_code, "/beat_seconds" in dry.stdout) == (0, True)
    assert here.json("channel", "show", "stable")["terms"]["beat_seconds"] == 30


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        ("beat_seconds: 30", "beat_second: 30", 2, "fleet.yaml:18: document 3: spec.beat_second: unknown"),
        ("DEBUG}", "DEBUG, level: INFO}", 2, "line 11: key 'level' stands twice"),
        ("logging: {level", "health: {port", 1, "opens /logging"),
        ("policy: careful", "policy: hasty", 5, "names policy 'hasty'"),
        ('release: "1.1"', 'release: "9"', 5, "names release '9'"),
        ("soak_seconds: 600", "soak_seconds: 6", 6, "another name"),
    ],
)
def test_one_mistake_anywhere_and_nothing_is_done(
    here: Counter, file: Path, before: str, after: str, code: int, said: str
) -> None:
    stands = here("get", "all", "-o", "json").stdout
    file.write_text(FLEET.replace("report_seconds: 600", "report_seconds: 601").replace(before, after))
    done = here("apply", "-f", str(file), *WHY)
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert here("get", "all", "-o", "json").stdout == stands


def test_a_key_that_may_only_read_sees_the_difference(here: Counter, file: Path, tmp_path: Path) -> None:
    async def reading(place: Bench) -> str:
        return await place.key_text(AuthScope.READ)

    (tmp_path / "context.toml").write_text((here.home / "context.toml").read_text())
    (tmp_path / "token").write_text(here.do(reading) + "\n")
    file.write_text(FLEET.replace("DEBUG", "ERROR"))
    done = here("diff", "-f", str(file), "--home", str(tmp_path))
    assert done.exit_code == 3
    assert "may only read" in done.stdout
    assert here("apply", "-f", str(file), "--home", str(tmp_path), *WHY).exit_code == 4


def test_what_is_in_use_stays_and_what_goes_is_counted(here: Counter, file: Path) -> None:
    done = here("delete", "-f", str(file), *WHY)
    assert done.exit_code == 6
    assert "channel/stable: 2 devices are in it" in done.stderr
    assert "rollout/stable-1.1: it is rolling: end it first" in done.stderr
    assert "channel stable names it" in here("delete", "policy", "careful", *WHY).stderr
    assert here("channel", "set", "typo").exit_code == 0
    gone = ("delete", "channel", "typo", *WHY)
    assert here(*gone).exit_code == 2
    assert acts(here, *gone, "--yes", "--expect-count", "1") == {"Channel/typo": "deleted"}
    assert here(*gone, "--yes", "--expect-count", "1").exit_code == 5
    assert here("delete", *WHY).exit_code == 2


def test_what_another_wrote_meanwhile_is_not_overwritten(here: Counter, tmp_path: Path) -> None:
    async def meanwhile(place: Bench) -> None:
        await place.desk.policies.put("shared", Policy(soak_seconds=7), "another")

    three = [f"{HEAD}Policy\nmetadata: {{name: {name}}}\nspec: {{}}\n" for name in ("first", "shared", "third")]
    (tmp_path / "three.yaml").write_text("---\n".join(three))
    documents = read_documents([str(tmp_path)])
    with FleetClient.at(here.home) as client:
        steps = plan(documents, fleet_of(client))
        here.do(meanwhile)
        outcomes, code = perform(client, steps, "mine")
    assert (code, [one.act for one in outcomes]) == (9, ["created", "failed", "not_reached"])
    assert here.json("policy", "show", "shared")["terms"]["soak_seconds"] == 7


def test_a_rollout_that_ended_lets_go_of_its_name_and_a_group_goes_in_steps(here: Counter) -> None:
    one = ("--yes", "--expect-count", "1")
    assert here("rollout", "abort", "stable-1.1", "--stay", *WHY).exit_code == 0
    assert acts(here, "delete", "rollout", "stable-1.1", *WHY, *one) == {"Rollout/stable-1.1": "deleted"}
    assert here.json("rollout", "list")["items"][0]["name"] is None
    assert acts(here, "delete", "groups", "sites", *WHY, *one) == {"Group/sites": "deleted"}
    assert here.json("get", "group") == []

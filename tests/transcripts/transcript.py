"""Writes down what a scenario caused: each directive that was published, each state of a rollout, what devices run."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyv_fleet.engine.errors import FleetError
from pyv_fleet.store import alerts, audit, releases
from pyvorin_edge.orders import Directive, Rule
from running.rehearsal import START, Rehearsal, rehearsal

if TYPE_CHECKING:
    from transcripts.scenarios import Scenario


class Transcript:
    """Call it after each step with what was done; it notes what is new since."""

    def __init__(self, stage: Rehearsal, title: str) -> None:
        self._stage = stage
        self._lines = [title, ""]
        self._orders = 0
        self._rollouts: dict[str, str] = {}
        self._running = ""

    async def __call__(self, step: str) -> None:
        self._lines.append(f"{(self._stage.now - START) / 1000:8.1f} s  {step}")
        await self._note_orders()
        await self._note_rollouts()
        running = ", ".join(f"{count} on {version}" for version, count in (await self._stage.running()).items())
        if running != self._running:
            self._running = running
            self._add("devices", running)

    async def refusal(self, step: str, act: Awaitable[Any]) -> None:
        """A step that must be refused, and the words of the refusal."""
        try:
            await act
        except FleetError as why:
            await self(step)
            self._add(f"refused {why.status}", self._without_ids(str(why)))
            return
        raise AssertionError(f"{step}: was not refused")

    async def text(self) -> str:
        """All of it, with the alerts that hold and the audit log at the end."""
        async with self._stage.database.read() as connection:
            holding = await alerts.all_open(connection)
            log, _, _ = await audit.find_page(connection, None, 1000)
        self._lines += ["", "alerts", *[f"  {one.name} {one.subject}: {one.detail}" for one in holding]]
        acts = [self._without_ids(f"  {line.actor} {line.act}: {line.reason}") for line in reversed(log)]
        return "\n".join([*self._lines, "", "audit", *acts, ""])

    async def _note_orders(self) -> None:
        async with self._stage.database.read() as connection:
            versions = {record.digest: record.version for record in await releases.every(connection)}
        told = await self._stage.told()
        for directive in told[self._orders :]:
            self._add("directive", " | ".join(_rule_text(rule, versions) for rule in directive.rules))
            self._add("", f"reason: {self._without_ids(_reason(directive))}")
        self._orders = len(told)

    async def _note_rollouts(self) -> None:
        for view in reversed((await self._stage.rollouts.page(None, 100)).items):
            wave = view.waves[view.wave]
            tally = (
                f"{wave.devices} devices, {wave.committed} committed, {wave.failed} failed, {wave.reverted} reverted"
            )
            place = f"wave {view.wave + 1} ({wave.cohort}): {tally}, {wave.lost} lost"
            said = f"{view.baseline_version or '-'} to {view.version}, {view.state}, {place}; {view.because}"
            if self._rollouts.get(view.id) != said:
                self._rollouts[view.id] = said
                self._add("rollout", said)

    def _add(self, kind: str, text: str) -> None:
        self._lines.append(f"            {kind:<10} {text}")

    def _without_ids(self, text: str) -> str:
        """Ids hold times and chance: they say nothing to a reader."""
        for rollout_id in self._rollouts:
            text = text.replace(rollout_id, "#")
        return text


async def played(scenario: Scenario, path: Path) -> str:
    """A scenario's transcript."""
    async with rehearsal(path) as stage:
        transcript = Transcript(stage, scenario.__doc__ or scenario.__name__)
        await scenario(stage, transcript)
        return await transcript.text()


def _rule_text(rule: Rule, versions: dict[str, str]) -> str:
    who = "all"
    if rule.where is not None:
        who = ", ".join(f"{label}={','.join(values)}" for label, values in rule.where.items())
    if rule.below is not None:
        who += f" below {rule.below[:4]}…"
    if rule.hold:
        who = "who has it"
    return f"{rule.kind} {versions[rule.release]} (attempt {rule.attempt}) to {who}"


def _reason(directive: Directive) -> str:
    head, _, tail = directive.reason.partition(" (rollout ")
    return head if not tail else f"{head} ({tail.partition(', ')[2]}"

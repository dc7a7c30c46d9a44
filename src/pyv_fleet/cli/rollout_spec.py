"""What `rollout plan` and `rollout create` take: one set of options, one spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from pyv_fleet.core.views import Budgets, RolloutSpec

BUDGETS: Final = {
    "failed": "refuse it or fail to take it",
    "reverted": "go back by themselves",
    "unhealthy": "become unhealthy under it",
    "lost": "fall silent",
    "deferred": "have been offline at its start",
}


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a rollout; what is not said, the channel's policy says."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def spec_of(said: Mapping[str, Any]) -> RolloutSpec:
    """The spec that was said; click.UsageError for what cannot be read."""
    import msgspec

    from pyv_fleet.core.views import RolloutSpec

    spec: dict[str, Any] = {
        "channel": said["channel"],
        "release": said["release"],
        "waves": said["waves"] or None,
        "soak_seconds": said["soak"],
        "deadline_seconds": said["deadline"],
        "spread_seconds": said["spread"],
        "silent_seconds": said["silent"],
        "deferred_seconds": said["wait_offline"],
        "budgets": _budgets(said),
        "on_bad": said["on_bad"],
        "on_abort": said["on_abort"],
        "approvals": said["approvals"],
        "baseline": said["baseline"],
        "supersede": said["supersede"],
        "start_at": said["start_at"],
        "hold": said["hold"],
        "emergency": said["emergency"],
        "reason": said["reason"],
        "plan": said.get("plan"),
        "name": said.get("name"),
    }
    try:
        return msgspec.convert({name: value for name, value in spec.items() if value is not None}, RolloutSpec)
    except msgspec.ValidationError as why:
        raise click.UsageError(str(why)) from None


def _budgets(said: Mapping[str, Any]) -> Budgets | None:
    """None if none is said: then the policy's hold."""
    from pyv_fleet.core.views import Budgets

    found: dict[str, int] = {}
    for name in BUDGETS:
        text = said[f"budget_{name}"]
        if text is not None:
            found |= _budget(name, text)
    return Budgets(**found) if found else None


def _budget(name: str, text: str) -> dict[str, int]:
    """`2%` or `2` (percent of a wave), `3devices` (a number)."""
    try:
        if text.endswith("devices") and name != "deferred":
            return {f"{name}_permyriad": 10_000, f"{name}_max": int(text.removesuffix("devices"))}
        percent = float(text.removesuffix("%"))
    except ValueError:
        raise click.UsageError(f"--budget-{name} {text!r}: write 2% or 3devices") from None
    if not 0 <= percent <= 100:
        raise click.UsageError(f"--budget-{name} {text!r}: 0 to 100 percent")
    return {f"{name}_permyriad": round(percent * 100)}


def _budget_option(name: str, what: str) -> Callable[..., Any]:
    return click.option(
        f"--budget-{name}",
        metavar="PERCENT|Ndevices",
        help=f"How many of a wave's devices may {what}: 2% (rounded down to whole devices), or 3devices.",
    )


_OPTIONS: Final = (
    click.option("--channel", required=True),
    click.option("--release", required=True, help="Version or digest."),
    click.option(
        "--wave", "waves", multiple=True,
        help="1%, 20, kind=real, kind=real:1, id=ID,ID; with 'soak=600 success=95 approve' behind it. Repeat.",
    ),
    click.option("--soak", type=click.IntRange(0), help="Seconds a wave must stay good."),
    click.option("--deadline", type=click.IntRange(1), help="Seconds a wave may take."),
    click.option("--spread", type=click.IntRange(0), help="Devices begin within so many seconds."),
    click.option("--silent", type=click.IntRange(1), help="Seconds of silence after which a device is lost."),
    click.option("--wait-offline", type=click.IntRange(0), help="Seconds to wait for devices offline at the start."),
    *(_budget_option(name, what) for name, what in BUDGETS.items()),
    click.option("--on-bad", type=click.Choice(["revert", "pause"]), help="What a bad wave does."),
    click.option("--on-abort", type=click.Choice(["revert", "stay"]), help="What an abort does that does not say."),
    click.option("--approvals", type=click.IntRange(0, 8), help="So many others must approve, or more by policy."),
    click.option("--baseline", help="Version or digest that the others stay on and that it goes back to; else golden."),
    click.option("--supersede", is_flag=True, help="Take the place of a rollout that has not ended; else refused."),
    click.option("--start-at", help="Not before then: 2026-12-01T22:00Z."),
    click.option("--hold", is_flag=True, help="Make it, and wait for `rollout start`."),
    click.option("--emergency", is_flag=True, help="Without a canary; an admin's, shown until it is acknowledged."),
)  # fmt: skip

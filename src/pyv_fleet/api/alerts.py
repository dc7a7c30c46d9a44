"""Alerts: what holds and held, the rules, and silences. Those that the article's clients post: article.py."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from pyv_fleet.api.context import After, HasCaller, HasDesk, Limit, actor_of
from pyv_fleet.api.guards import may
from pyv_fleet.core.views import (
    AlertRuleBody,
    AlertRuleView,
    AlertVerb,
    AlertView,
    Page,
    SilenceSpec,
    SilenceVerb,
    SilenceView,
    SinkTested,
    SinkView,
)
from pyv_fleet.core.words import AlertState, AuthScope

State = Annotated[AlertState | None, QueryParameter(name="state", description="firing or resolved; none = both")]
Name = Annotated[str, QueryParameter(name="name", max_length=64, description="of the alerts; empty = all")]
Why = Annotated[str, QueryParameter(name="reason", min_length=1, max_length=512)]


@get("/v1/alerts", opt=may(AuthScope.READ))
async def alerts(
    desk: HasDesk, after: After = None, limit: Limit = 100, being: State = None, name: Name = ""
) -> Page[AlertView]:
    """Alerts, the newest first."""
    return await desk.alerting.page(after, limit, state=being, name=name)


@get("/v1/alerts/{alert_id:str}", opt=may(AuthScope.READ))
async def one_alert(desk: HasDesk, alert_id: FromPath[str]) -> AlertView:
    """One alert."""
    return await desk.alerting.get(alert_id)


@post("/v1/alerts/{alert_id:str}/acknowledge", opt=may(AuthScope.OPERATE), status_code=200)
async def acknowledge(
    desk: HasDesk, caller: HasCaller, alert_id: FromPath[str], data: JSONBody[AlertVerb]
) -> AlertView:
    """Say that it was seen: it is not told again and again. What tells of something that happened is over by that."""
    return await desk.acknowledge(alert_id, data, actor_of(caller))


@get("/v1/alert-rules", opt=may(AuthScope.READ))
async def rules(desk: HasDesk) -> list[AlertRuleView]:
    """Every rule in force, built-in ones too."""
    return list(await desk.alert_rules.every())


@get("/v1/alert-rules/{name:str}", opt=may(AuthScope.READ))
async def rule(desk: HasDesk, name: FromPath[str]) -> AlertRuleView:
    """One rule."""
    return await desk.alert_rules.get(name)


@put("/v1/alert-rules/{name:str}", opt=may(AuthScope.OPERATE))
async def put_rule(
    desk: HasDesk, caller: HasCaller, name: FromPath[str], data: JSONBody[AlertRuleBody]
) -> AlertRuleView:
    """Make a rule, or set all of it; under a built-in rule's name it takes that one's place."""
    return await desk.alert_rules.put(name, data, actor_of(caller))


@delete("/v1/alert-rules/{name:str}", opt=may(AuthScope.OPERATE))
async def delete_rule(desk: HasDesk, caller: HasCaller, name: FromPath[str], reason: Why) -> None:
    """Take a rule away, and its alerts; a built-in one of that name holds again."""
    await desk.alert_rules.delete(name, reason, actor_of(caller))


@get("/v1/silences", opt=may(AuthScope.READ))
async def silences(desk: HasDesk, after: After = None, limit: Limit = 100) -> Page[SilenceView]:
    """Silences, the newest first."""
    return await desk.silences.page(after, limit)


@post("/v1/silences", opt=may(AuthScope.OPERATE))
async def silence(desk: HasDesk, caller: HasCaller, data: JSONBody[SilenceSpec]) -> SilenceView:
    """Tell nobody of some alerts for a while; they hold and show all the same."""
    return await desk.silences.create(data, actor_of(caller))


@post("/v1/silences/{silence_id:str}/end", opt=may(AuthScope.OPERATE), status_code=200)
async def end_silence(
    desk: HasDesk, caller: HasCaller, silence_id: FromPath[str], data: JSONBody[SilenceVerb]
) -> SilenceView:
    """End a silence before its time."""
    return await desk.silences.end(silence_id, data, actor_of(caller))


@get("/v1/alert-sinks", opt=may(AuthScope.READ))
async def sinks(desk: HasDesk) -> list[SinkView]:
    """Who is told of alerts, and how it goes with each."""
    return list(await desk.deliveries.every())


@post("/v1/alert-sinks/{name:str}/test", opt=may(AuthScope.OPERATE), status_code=200)
async def test_sink(desk: HasDesk, name: FromPath[str]) -> SinkTested:
    """Send a sink something harmless now, and say whether it took it."""
    return await desk.deliveries.test(name)


ROUTES = (
    sinks,
    test_sink,
    alerts,
    one_alert,
    acknowledge,
    rules,
    rule,
    put_rule,
    delete_rule,
    silences,
    silence,
    end_silence,
)

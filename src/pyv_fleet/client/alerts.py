"""Alerts, their rules, and silences."""

from __future__ import annotations

from collections.abc import Iterator

from pyv_fleet.client.transport import Transport, safe
from pyv_fleet.core import views
from pyv_fleet.core.alert_rules import AlertRule
from pyv_fleet.core.silences import Matcher
from pyv_fleet.core.words import AlertState


class Alerts(Transport):
    """Calls about: alerts, their rules, silences."""

    def alerts(self, *, state: AlertState | None = None, name: str | None = None) -> Iterator[views.AlertView]:
        """All alerts that match, the newest first."""
        wanted = {"state": None if state is None else state.value, "name": name}
        yield from self.pages("/v1/alerts", views.Page[views.AlertView], wanted)

    def alert(self, alert_id: str) -> views.AlertView:
        """One alert."""
        return self.get(f"/v1/alerts/{safe(alert_id)}", views.AlertView)

    def acknowledge(self, alert_id: str, reason: str) -> views.AlertView:
        """It was seen."""
        body = views.AlertVerb(reason=reason)
        return self.send("POST", f"/v1/alerts/{safe(alert_id)}/acknowledge", body, views.AlertView)

    def alert_rules(self) -> list[views.AlertRuleView]:
        """Every rule in force."""
        return self.get("/v1/alert-rules", list[views.AlertRuleView])

    def alert_rule(self, name: str) -> views.AlertRuleView:
        """One rule."""
        return self.get(f"/v1/alert-rules/{safe(name)}", views.AlertRuleView)

    def put_alert_rule(self, name: str, rule: AlertRule, reason: str) -> views.AlertRuleView:
        """Make it, or set all of it."""
        body = views.AlertRuleBody(rule=rule, reason=reason)
        return self.send("PUT", f"/v1/alert-rules/{safe(name)}", body, views.AlertRuleView)

    def delete_alert_rule(self, name: str, reason: str) -> None:
        """Take it away."""
        self.answer("DELETE", f"/v1/alert-rules/{safe(name)}", query={"reason": reason})

    def silences(self) -> Iterator[views.SilenceView]:
        """All silences, the newest first."""
        yield from self.pages("/v1/silences", views.Page[views.SilenceView], {})

    def silence(self, matcher: Matcher, seconds: int, reason: str) -> views.SilenceView:
        """Tell nobody of these alerts for so long."""
        body = views.SilenceSpec(matcher=matcher, seconds=seconds, reason=reason)
        return self.send("POST", "/v1/silences", body, views.SilenceView)

    def end_silence(self, silence_id: str, reason: str) -> views.SilenceView:
        """End it before its time."""
        body = views.SilenceVerb(reason=reason)
        return self.send("POST", f"/v1/silences/{safe(silence_id)}/end", body, views.SilenceView)

    def sinks(self) -> list[views.SinkView]:
        """Who is told of alerts."""
        return self.get("/v1/alert-sinks", list[views.SinkView])

    def test_sink(self, name: str) -> views.SinkTested:
        """Send it something harmless now."""
        return self.send("POST", f"/v1/alert-sinks/{safe(name)}/test", {}, views.SinkTested)

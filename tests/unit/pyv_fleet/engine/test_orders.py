"""Orders: numbers only grow, are stored before anything goes out, and devices would obey them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pyv_fleet.core.views import ChannelBody
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, Unavailable
from pyv_fleet.engine.foreign import valid_directive
from pyv_fleet.store import orders as directives
from pyv_fleet.trust.root_document import next_root
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Directive, Rule, decode_order
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import DriftPolicy, RuleKind
from running.bench import Bench, bench, said

STABLE = topics.channel("stable")


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


def retained(place: Bench) -> Directive:
    return decode_order(open_envelope(place.ledger.retained[STABLE]).payload, Directive)


def test_a_directive_that_is_out_is_stored_and_verifies(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0")
        made = await place.order(digest)
        assert retained(place) == made
        found = valid_directive(place.engine.trust.current, "test", "stable", place.ledger.retained[STABLE])
        assert found is not None
        async with place.database.read() as connection:
            stored = await directives.current(connection, "stable")
        assert stored is not None
        assert (stored.generation, stored.published_at) == (made.generation, place.time.ms)
        assert stored.payload_sha256 == hashlib.sha256(open_envelope(stored.envelope).payload).hexdigest()
        sent = [topic for topic, _ in place.ledger.sent]
        assert sent.index(topics.release(digest)) < sent.index(STABLE), "what it names is there before it"

    play(tmp_path, scene)


def test_generations_grow_whatever_the_clock_does(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0")
        made = [await place.order(digest)]
        place.time.forward(-86_400)
        made.append(await place.order(digest))
        place.time.forward(86_400 * 2)
        made.append(await place.order(digest))
        assert [one.generation for one in made] == sorted({one.generation for one in made})
        assert [one.issued_at for one in made] == sorted({one.issued_at for one in made})
        assert made[-1].generation >= place.time.ms

    play(tmp_path, scene)


def test_a_generation_that_a_device_reports_is_passed_over(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        higher = place.time.ms + 10**9
        await place.heard(said("dev-a", channel="stable", generation=higher))
        assert (await place.order(await place.release("1.0"))).generation == higher + 1

    play(tmp_path, scene)


def test_one_device_cannot_use_up_the_generations_of_all(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        await place.heard(said("dev-a", channel="stable", generation=2**63 - 1))
        assert (await place.order(await place.release("1.0"))).generation <= place.time.ms + 1000

    play(tmp_path, scene)


def test_what_devices_would_refuse_is_not_issued(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = Digest(await place.release("1.0"))
        conditional = Rule(kind=RuleKind.RELEASE, release=digest, attempt=1, where={"kind": ("real",)})
        for rules in ([conditional], [], [conditional] * 17):
            with pytest.raises(Invalid):
                await place.engine.orders.publish_directive("stable", rules, reason="r", actor="a")
        with pytest.raises(NotFound):
            await place.engine.orders.publish_directive("nowhere", [conditional], reason="r", actor="a")
        assert STABLE not in place.ledger.retained
        assert (await place.desk.channel("stable")).generation == 0

    play(tmp_path, scene)


def test_without_the_role_nothing_is_signed(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await place.release("1.0")
        place.engine.trust.current = from_key(b"\x01" * 32)
        with pytest.raises(Unavailable, match="sign a new one"):
            await place.order(digest)

    play(tmp_path, scene)


def test_without_a_broker_orders_wait_in_the_store(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        place.ledger.connected = False
        await place.enrol("dev-a")
        made = await place.order(await place.release("1.0"))
        assert place.ledger.sent[-1:] == [] or STABLE not in place.ledger.retained
        place.ledger.connected = True
        await place.engine.orders.publish_pending()
        assert retained(place) == made
        assert topics.assignment("dev-a") in place.ledger.retained
        before = len(place.ledger.sent)
        await place.engine.orders.publish_pending()
        assert len(place.ledger.sent) == before, "what was confirmed is not sent again"

    play(tmp_path, scene)


def test_changed_terms_and_refresh_keep_the_rules(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(Conflict, match="roll a release out first"):
            await place.desk.refresh_channel("stable", "r", "a")
        first = await place.order(await place.release("1.0"))
        await place.desk.put_channel("stable", ChannelBody(drift_policy=DriftPolicy.REMEDIATE), "a")
        second = retained(place)
        assert (second.rules, second.drift.policy) == (first.rules, DriftPolicy.REMEDIATE)
        await place.desk.put_channel("stable", ChannelBody(drift_policy=DriftPolicy.REMEDIATE), "a")
        assert retained(place) == second, "the same terms again are no new order"
        await place.desk.refresh_channel("stable", "r", "a")
        assert retained(place).generation > second.generation
        place.time.forward(86_400 * 9)
        await place.engine.sweeps.refresh()
        third = retained(place)
        place.time.forward(86_400 * 2)
        await place.engine.sweeps.refresh()
        assert retained(place).generation > third.generation

    play(tmp_path, scene)


def test_a_new_epoch_makes_all_orders_anew(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        first = await place.order(await place.release("1.0"))
        document = next_root(place.engine.trust.current.document, place.terms(7), [place.root_key])
        await place.desk.put_trust(2, document, "root")
        assert (retained(place).epoch, retained(place).rules) == (7, first.rules)
        payload = open_envelope(place.ledger.retained[topics.assignment("dev-a")]).payload
        assert decode_order(payload, Assignment).epoch == 7
        assert place.ledger.retained[topics.trust(2)] == document
        await place.desk.put_trust(2, document, "root")
        for version, wrong in ((2, document + b" "), (4, document), (3, b"{}")):
            with pytest.raises((Invalid, Conflict)):
                await place.desk.put_trust(version, wrong, "root")

    play(tmp_path, scene)


def test_of_foreign_directives_the_higher_is_adopted_and_the_lower_answered(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        first = await place.order(await place.release("1.0"))
        told: list[int] = []

        async def listen(record: directives.DirectiveRecord) -> None:
            if record.foreign:
                told.append(record.generation)

        place.engine.publishing.observers.append(listen)
        lower = msgspec.structs.replace(first, generation=1)
        higher = msgspec.structs.replace(first, generation=first.generation + 5)
        for foreign in (first, lower, higher):
            place.engine.publishing.heard("stable", place.signer.directive(foreign))
            await place.engine.publishing.adopt()
        assert told == [higher.generation]
        assert [one.name for one in (await place.desk.alerting.page(None, 9)).items] == ["foreign_directive"]
        assert (await place.order(first.rules[0].release)).generation > higher.generation

    play(tmp_path, scene)


def test_a_kill_between_a_new_epoch_and_its_orders_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        await place.order(await place.release("1.0"))
        place.engine.trust.observers.clear()  # killed right after the document was stored
        document = next_root(place.engine.trust.current.document, place.terms(7), [place.root_key])
        await place.desk.put_trust(2, document, "root")
        assert retained(place).epoch == 1
        at_start = next(sweep for sweep in place.engine._duties() if sweep.name == "renew")
        assert at_start.at_once
        await at_start.perform()
        assert retained(place).epoch == 7
        payload = open_envelope(place.ledger.retained[topics.assignment("dev-a")]).payload
        assert decode_order(payload, Assignment).epoch == 7

    play(tmp_path, scene)

"""Units of work, and requests that are repeated (spec/api.md 7.5 and 9).

No route of this version takes an ``Idempotency-Key`` yet; these are routes of the test.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import pytest
import trio

from alphapy.pure.ids import UserId
from alphapy.storage import idempotency
from alphapy.storage.idempotency import Claim, Claimed, ClaimLost, InProgress, Mismatched, Recorded
from alphapy.web.auth.caller import Access, Caller
from alphapy.web.errors import ApiError
from alphapy.web.routing.fields import Text
from alphapy.web.routing.route import Call, Reply, Route
from alphapy.web.routing.work import claim_of, key_of
from tests.support.clock import START
from tests.support.waiting import wait_until
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

PATH = "/api/notes"


@attrs.frozen
class Note:
    text: Annotated[str, Text(1, 50)]


@attrs.define
class Notes:
    """A feature with one table; the test says what happens on the way."""

    hold: trio.Event = attrs.field(factory=trio.Event)
    begun: int = 0
    written: int = 0

    async def add(self, call: Call) -> Reply:
        self.begun += 1
        if call.body.text == "forbidden":
            raise ApiError(403, "forbidden", "No.")

        async def unit(tx: Transaction) -> Reply:
            number = await tx.fetch_value(
                "INSERT INTO notes (text) VALUES (%s) RETURNING id", (call.body.text,)
            )
            self.written += 1
            if call.body.text == "held":
                await self.hold.wait()
            if call.body.text == "broken":
                raise RuntimeError("inside")
            return Reply(body={"id": number, "text": call.body.text})

        return await call.work.run(unit)

    async def unrecorded(self, call: Call) -> Reply:
        """Answers without a unit of work of its own."""
        self.begun += 1
        return Reply(body={"count": self.begun, "claim": call.work.claim is not None})


@attrs.define
class Desk:
    house: House
    notes: Notes

    async def post(self, text: str, key: str | None = "k", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given["Idempotency-Key"] = key
        return await self.house.http.post(PATH, json={"text": text}, headers=given, timeout=30)

    async def texts(self) -> list[str]:
        async with self.house.pool.transaction("web", read_only=True) as tx:
            return [text for (text,) in await tx.fetch_all("SELECT text FROM notes ORDER BY id")]

    async def states(self) -> list[str]:
        async with self.house.pool.transaction("web", read_only=True) as tx:
            return [state for (state,) in await tx.fetch_all("SELECT state FROM api_idempotency")]


def routes(notes: Notes) -> tuple[Route, ...]:
    common: dict[str, Any] = {"method": "POST", "access": Access.OPEN, "tag": "Test", "summary": "A test"}
    return (
        Route(path=PATH, handler=notes.add, body=Note, idempotency="add_note", **common),
        Route(path="/api/other", handler=notes.unrecorded, idempotency="other", **common),
    )


@pytest.fixture
async def desk(pool: Pool) -> AsyncIterator[Desk]:
    notes = Notes()
    async with pool.transaction("web") as tx:
        await tx.execute("CREATE TABLE notes (id bigserial PRIMARY KEY, text text NOT NULL)")
    async with open_house(pool, more=routes(notes), handler_seconds=5) as house:
        yield Desk(house, notes)


async def test_api_8_the_same_request_has_its_effect_once_and_the_same_answer(desk: Desk) -> None:
    first = await desk.post("hello")
    second = await desk.post("hello")
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await desk.texts() == ["hello"]
    other = await desk.post("something else")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await desk.texts() == ["hello"]


async def test_api_8_an_attempt_that_was_refused_does_not_burn_the_key(desk: Desk) -> None:
    assert (await desk.post("forbidden")).status_code == 403
    assert await desk.states() == []
    assert (await desk.post("hello")).status_code == 200
    assert await desk.texts() == ["hello"]


async def test_api_9_twenty_at_once_have_one_effect(desk: Desk) -> None:
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await desk.post("hello"))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert await desk.texts() == ["hello"]
    assert {answer.status_code for answer in answers} <= {200, 409}
    done = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"in_progress"}
    again = await desk.post("hello")
    assert (again.headers["Idempotent-Replayed"], again.content) == ("true", done[0].content)


async def test_a_transaction_that_fails_leaves_neither_effect_nor_key(desk: Desk) -> None:
    assert (await desk.post("broken")).status_code == 500
    assert (await desk.texts(), await desk.states()) == ([], [])
    assert (await desk.post("broken")).status_code == 500
    assert desk.notes.begun == 2


async def test_a_request_that_does_not_have_its_form_does_not_touch_the_key(desk: Desk) -> None:
    assert (await desk.post("")).status_code == 422
    assert await desk.states() == []


async def test_a_pending_key_is_waited_for_by_nobody_and_taken_over_after_a_minute(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.post, "held")
        await wait_until(lambda: desk.notes.written == 1, what="the first to be on its way")
        waiting = await desk.post("held")
        assert (waiting.status_code, waiting.json()["code"]) == (409, "in_progress")
        assert desk.notes.begun == 1
        desk.notes.hold.set()
    assert (await desk.post("held")).headers["Idempotent-Replayed"] == "true"
    # A process that crashed leaves a record that nobody will complete.
    await abandon(desk, "crashed", key="c")
    assert (await desk.post("crashed", "c")).status_code == 409
    desk.house.clock.advance(timedelta(seconds=61))
    other = await desk.post("another body", "c")
    assert other.status_code == 422
    assert (await desk.post("crashed", "c")).status_code == 200
    assert await desk.texts() == ["held", "crashed"]


async def abandon(desk: Desk, text: str, key: str) -> None:
    body = desk.house.http.build_request("POST", PATH, json={"text": text}).content
    caller = Caller(access=Access.OPEN)
    wanted = claim_of("add_note", caller, key, ("POST", PATH, body))
    async with desk.house.pool.transaction("web") as tx:
        assert await idempotency.claim(tx, wanted, desk.house.clock.now()) == Claimed()


async def test_an_answer_is_repeated_for_ten_minutes(desk: Desk) -> None:
    await desk.post("hello")
    desk.house.clock.advance(timedelta(seconds=599))
    assert "Idempotent-Replayed" in (await desk.post("hello")).headers
    desk.house.clock.advance(timedelta(seconds=2))
    assert "Idempotent-Replayed" not in (await desk.post("hello")).headers
    assert await desk.texts() == ["hello", "hello"]


async def test_without_a_key_nothing_is_remembered(desk: Desk) -> None:
    for key in (None, ""):
        assert (await desk.post("hello", key)).status_code == 200
    assert len(await desk.texts()) == 2
    assert key_of("   ") is None
    assert await desk.states() == []


async def test_a_key_that_cannot_be_used(desk: Desk) -> None:
    answer = await desk.post("hello", "x" * 256)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_key")
    assert (await desk.post("hello", "x" * 255)).status_code == 200
    with pytest.raises(ApiError, match="bad_key"):
        key_of("a\x07b")


async def test_a_handler_without_a_unit_of_work_is_recorded_as_well(desk: Desk) -> None:
    post = desk.house.http.post
    first = await post("/api/other", headers={"Idempotency-Key": "k"})
    again = await post("/api/other", headers={"Idempotency-Key": "k"})
    assert first.json() == {"count": 1, "claim": True}
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


async def test_a_client_that_goes_away_does_not_undo_what_has_begun(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.post, "held")
        await wait_until(lambda: desk.notes.written == 1, what="the unit of work")
        nursery.cancel_scope.cancel()
    counters = desk.house.app.front.desk.counters
    assert counters.running == 1
    desk.notes.hold.set()
    await wait_until(lambda: counters.running == 0, what="its end")
    assert await desk.texts() == ["held"]
    assert (await desk.post("held")).headers["Idempotent-Replayed"] == "true"


async def test_the_deadline_ends_a_unit_of_work_and_releases_the_key(pool: Pool) -> None:
    notes = Notes()
    async with pool.transaction("web") as tx:
        await tx.execute("CREATE TABLE notes (id bigserial PRIMARY KEY, text text NOT NULL)")
    async with open_house(pool, more=routes(notes), handler_seconds=0.5) as house:
        desk = Desk(house, notes)
        answer = await desk.post("held")
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
        assert (await desk.texts(), await desk.states()) == ([], [])


def claim(**changes: str) -> Claim:
    fields = {"namespace": "n", "principal": "p", "key": "k", "request_hash": "h", "token": "t"}
    return Claim(**{**fields, **changes})


async def test_keys_of_different_callers_and_operations_never_meet(pool: Pool) -> None:
    async with pool.transaction("web") as tx:
        for wanted in (claim(), claim(namespace="o"), claim(principal="q"), claim(key="l")):
            assert await idempotency.claim(tx, wanted, START) == Claimed()
        assert await idempotency.claim(tx, claim(token="u"), START) == InProgress()
        assert await idempotency.claim(tx, claim(request_hash="i"), START) == Mismatched()


async def test_a_claim_that_was_lost_cannot_be_completed(pool: Pool) -> None:
    late = START + timedelta(seconds=61)
    async with pool.transaction("web") as tx:
        await idempotency.claim(tx, claim(), START)
        assert await idempotency.claim(tx, claim(token="new"), late) == Claimed()
        await idempotency.give_up(tx, claim())
        with pytest.raises(ClaimLost):
            await idempotency.complete(tx, claim(), Recorded(200, "{}"), late)
        await idempotency.complete(tx, claim(token="new"), Recorded(201, "{}"), late)
        await idempotency.give_up(tx, claim(token="new"))
        assert await idempotency.claim(tx, claim(token="third"), late) == Recorded(201, "{}")


def test_whose_key_it_is_and_for_what() -> None:
    service = Caller(access=Access.DADMIN, service=True, discord_id=UserId(5))
    one = claim_of("n", service, "k", ("POST", "/a", b"{}"))
    assert one.principal == "discord:5"
    assert (
        claim_of("n", Caller(access=Access.KEY, service=True), "k", ("POST", "/a", b"")).principal
        == "service"
    )
    for other in (("PUT", "/a", b"{}"), ("POST", "/b", b"{}"), ("POST", "/a", b"{ }")):
        assert claim_of("n", service, "k", other).request_hash != one.request_hash
    assert claim_of("n", service, "k", ("POST", "/a", b"{}")).token != one.token

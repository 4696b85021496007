"""Verifying tokens against an identity service on a real socket: keys, questions, caches, outages."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from alphapy.environment import Secret
from alphapy.web.auth import jwks, upstream
from alphapy.web.auth.jwks import KeyRing, Step
from alphapy.web.auth.memory import Memory
from alphapy.web.auth.rules import Token
from alphapy.web.auth.security import IdentityService
from alphapy.web.auth.verifier import TokenVerifier, Verified
from tests.support.clock import FakeClock
from tests.support.http_server import Fault, Reply, scripted_server
from tests.web.auth import minting
from tests.web.auth.minting import ADA, Identity, handmade, hs256, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GOOD = Verified(Token.VALID, ADA)
KEYS = "/jwks.json"
QUESTION = "/auth/v1/user"


@attrs.define
class Desk:
    """A verifier, its identity service, and its clocks."""

    verifier: TokenVerifier
    identity: Identity
    clock: FakeClock
    seconds: float = 0.0

    async def verify(self, token: str) -> Verified:
        return await self.verifier.verify(f"Bearer {token}")

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.advance(seconds)

    def asked(self, path: str) -> int:
        return sum(request.path.endswith(path) for request in self.identity.asked)


@asynccontextmanager
async def opened(**configured: Any) -> AsyncIterator[Desk]:
    """``keys`` and ``introspection`` say what the service is known for; the rest is its configuration."""
    identity, clock = Identity(), FakeClock()
    with_keys = configured.pop("keys", True)
    with_questions = configured.pop("introspection", False)
    async with scripted_server(identity.answer) as server, upstream.client() as http:
        desk: Desk
        settings = IdentityService(
            url=server.base_url if with_questions else "",
            anon_key=Secret("anon") if with_questions else None,
            jwks_url=server.base_url + KEYS if with_keys else "",
            **configured,
        )
        desk = Desk(TokenVerifier(settings, http, clock, now=lambda: desk.seconds), identity, clock)
        yield desk


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_with_a_key_of_the_set(algorithm: str) -> None:
    async with opened() as desk:
        assert await desk.verify(signed(algorithm)) == GOOD
        assert (await desk.verify(signed(algorithm, exp=1))).state is Token.INVALID
        assert (await desk.verify(signed(algorithm, kid=None))).state is Token.INVALID
        assert (await desk.verify(signed(algorithm, kid="nobody's"))).state is Token.INVALID
        assert desk.asked(KEYS) == 1


async def test_the_key_decides_and_not_the_header() -> None:
    """A key id of another type, and the public key as a secret."""
    async with opened(jwt_secret=Secret(minting.SECRET)) as desk:
        assert await desk.verify(hs256()) == GOOD
        for kid in ("ES256-1", "EdDSA-1"):
            assert (await desk.verify(signed("RS256", kid=kid))).state is Token.INVALID
        for token in (
            *minting.confused(),
            handmade({"alg": "none"}),
            handmade({"alg": "none", "kid": "RS256-1"}),
        ):
            assert (await desk.verify(token)).state is Token.INVALID


async def test_no_token_and_nonsense() -> None:
    async with opened() as desk:
        assert (await desk.verifier.verify(None)).state is Token.ABSENT
        assert (await desk.verifier.verify("Basic abc")).state is Token.ABSENT
        assert (await desk.verify("nonsense")).state is Token.INVALID
        assert desk.identity.asked == []


async def test_unknown_keys_are_asked_for_once_in_thirty_seconds() -> None:
    async with opened() as desk:
        for _ in range(5):
            await desk.verify(signed("RS256", kid="made up"))
        assert desk.asked(KEYS) == 1
        desk.pass_time(29.9)
        await desk.verify(signed("RS256", kid="made up"))
        assert desk.asked(KEYS) == 1
        desk.identity.keys[0]["kid"] = "rotated"
        desk.pass_time(0.2)
        assert await desk.verify(signed("RS256", kid="rotated")) == GOOD
        assert desk.asked(KEYS) == 2
        assert (await desk.verify(signed("RS256"))).state is Token.INVALID, "the old key is gone"


async def test_keys_are_read_again_after_ten_minutes_and_hold_a_day_through_an_outage() -> None:
    async with opened() as desk:
        assert await desk.verify(signed("ES256", exp=9e9)) == GOOD
        desk.pass_time(601)
        desk.identity.trouble = Reply(503, {})
        assert await desk.verify(signed("ES256", exp=9e9)) == GOOD
        assert await desk.verify(signed("ES256", exp=9e9)) == GOOD
        assert desk.asked(KEYS) == 2, "it is not asked at every request"
        unknown = await desk.verify(signed("ES256", kid="new", exp=9e9))
        assert unknown.state is Token.UNVERIFIABLE, "the outage may hide a new key"
        desk.pass_time(86_400 - 602)
        assert await desk.verify(signed("ES256", exp=9e9)) == GOOD
        desk.pass_time(2)
        assert (await desk.verify(signed("ES256", exp=9e9))).state is Token.UNVERIFIABLE


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500, {}),
        Reply(429, {}),
        Reply(404, {}),
        Reply(302, b"", {"Location": "http://127.0.0.1:1/"}),
        Reply(200, b"<html>"),
        Reply(200, [1]),
        Reply(200, {"keys": {}}),
        Reply(200, b"x" * (upstream.LONGEST_ANSWER + 1)),
        Fault.DROP,
        Fault.HALF,
    ],
    ids=lambda trouble: str(trouble)[:60],
)
async def test_a_key_set_that_cannot_be_read(trouble: Reply | Fault) -> None:
    async with opened() as desk:
        desk.identity.trouble = trouble
        assert (await desk.verify(signed("RS256"))).state is Token.UNVERIFIABLE
        desk.identity.trouble = None
        assert (await desk.verify(signed("RS256"))).state is Token.UNVERIFIABLE, (
            "it is too early to ask again"
        )
        desk.pass_time(30)
        assert await desk.verify(signed("RS256")) == GOOD


async def test_a_service_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "WITHIN", 0.2)
    async with opened(introspection=True) as desk:
        desk.identity.trouble = Fault.HANG
        with trio.fail_after(20):
            assert (await desk.verify(signed("RS256"))).state is Token.UNVERIFIABLE
            assert (await desk.verify(hs256())).state is Token.UNVERIFIABLE


async def test_many_at_once_cost_one_question() -> None:
    async with opened() as desk, trio.open_nursery() as nursery:
        found: list[Verified] = []

        async def verify() -> None:
            found.append(await desk.verify(signed("RS256")))

        for _ in range(20):
            nursery.start_soon(verify)
    assert found == [GOOD] * 20
    assert desk.asked(KEYS) == 1


async def test_introspection_remembers_good_answers_for_thirty_seconds() -> None:
    async with opened(keys=False, introspection=True) as desk:
        token = hs256()
        assert await desk.verify(token) == GOOD
        asked = desk.identity.asked[0]
        assert (asked.headers["apikey"], asked.headers["authorization"]) == ("anon", f"Bearer {token}")
        desk.pass_time(29)
        assert await desk.verify(token) == GOOD
        assert desk.asked(QUESTION) == 1
        desk.identity.subject = None
        desk.pass_time(1.5)
        assert (await desk.verify(token)).state is Token.INVALID
        desk.identity.subject = ADA
        desk.pass_time(4)
        assert (await desk.verify(token)).state is Token.INVALID, (
            "a bad answer is remembered for five seconds"
        )
        desk.pass_time(1.5)
        assert await desk.verify(token) == GOOD
        assert desk.asked(QUESTION) == 3


async def test_introspection_is_not_remembered_beyond_the_end_of_the_token() -> None:
    async with opened(keys=False, introspection=True) as desk:
        token = hs256(exp=desk.clock.now().timestamp() + 10)
        assert await desk.verify(token) == GOOD
        desk.pass_time(10)
        desk.identity.subject = None
        assert (await desk.verify(token)).state is Token.INVALID
        assert desk.asked(QUESTION) == 2
        desk.pass_time(31)
        assert (await desk.verify(token)).state is Token.INVALID
        assert desk.asked(QUESTION) == 2, "what is over by its own word is not asked about"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Reply(200, {"user": {"id": str(ADA)}}), Token.VALID),
        (Reply(200, {"id": "ada"}), Token.INVALID),
        (Reply(200, {"user": 5}), Token.INVALID),
        (Reply(200, [str(ADA)]), Token.INVALID),
        (Reply(204), Token.INVALID),
        (Reply(403, {}), Token.INVALID),
        (Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), Token.INVALID),
        (Reply(500, {}), Token.UNVERIFIABLE),
        (Reply(429, {}), Token.UNVERIFIABLE),
        (Fault.DROP, Token.UNVERIFIABLE),
    ],
    ids=str,
)
async def test_what_introspection_may_answer(answer: Reply | Fault, state: Token) -> None:
    async with opened(keys=False, introspection=True) as desk:
        desk.identity.trouble = answer
        assert (await desk.verify(hs256())).state is state


async def test_an_outage_is_not_remembered() -> None:
    async with opened(keys=False, introspection=True) as desk:
        desk.identity.trouble = Fault.DROP
        assert (await desk.verify(hs256())).state is Token.UNVERIFIABLE
        desk.identity.trouble = None
        assert await desk.verify(hs256()) == GOOD


class TestKeyRing:
    """The decisions alone."""

    @given(st.lists(st.tuples(st.floats(0, 50_000), st.sampled_from(["a", "b"]), st.booleans()), max_size=40))
    def test_it_asks_seldom_and_believes_nothing_older_than_a_day(
        self, plan: list[tuple[float, str, bool]]
    ) -> None:
        ring, now, asked = KeyRing(), 0.0, []
        for wait, key_id, answers in plan:
            now += wait
            step = ring.step(key_id, now)
            if step is Step.FETCH:
                asked.append(now)
                ring.asked_at = now
                if answers:
                    ring.learn({"a": {}}, now)
                step = ring.outcome(key_id, now)
            assert step is not Step.FETCH
            if step is Step.USE:
                assert ring.fetched_at is not None
                assert now - ring.fetched_at < jwks.STALE
        assert all(later - earlier >= jwks.AGAIN for earlier, later in pairwise(asked))


class TestMemory:
    """What is remembered."""

    def test_it_is_bounded_and_forgets_what_was_not_used_for_longest(self) -> None:
        memory: Memory[int, str] = Memory(2)
        memory.put(1, "one", 10)
        memory.put(2, "two", 10)
        assert memory.get(1, 0) == "one"
        memory.put(3, "three", 10)
        assert [memory.get(key, 0) for key in (1, 2, 3)] == ["one", None, "three"]
        assert memory.get(1, 10) is None
        assert len(memory) == 1
        memory.forget(lambda key: key == 3)
        assert len(memory) == 0

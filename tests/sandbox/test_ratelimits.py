"""REST rate limits: the pure decisions, and what a client sees of them."""

from __future__ import annotations

from collections import defaultdict

import trio
from hypothesis import given
from hypothesis import strategies as st

from alphapy.sandbox.rest.ratelimits import RateLimits
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import gateway, running

SEND = "POST /channels/{channel_id}/messages"
CALLS = st.lists(
    st.tuples(st.floats(0, 0.5), st.integers(1, 2), st.sampled_from(["a", "b"]), st.integers(1, 2)),
    max_size=80,
)


@given(CALLS)
def test_no_window_lets_more_through_than_its_limit(calls: list[tuple[float, int, str, int]]) -> None:
    limits = RateLimits(global_limit=(6, 1.0), overrides={"a": (2, 1.0), "b": (3, 0.5)})
    sizes = {"a": (2, 1.0), "b": (3, 0.5)}
    now = 100.0
    passed: dict[object, list[float]] = defaultdict(list)
    for pause, client, route, channel in calls:
        now += pause
        verdict = limits.take(now, client, route, {"channel_id": channel})
        limit, window = sizes[route]
        assert verdict.limit == limit
        assert 0 <= verdict.remaining < limit
        assert 0 < verdict.reset_after <= 1.0
        if not verdict.allowed:
            assert verdict.scope in {"user", "global"}
            later = limits.take(
                now + verdict.retry_after, client, route, {"channel_id": channel}, exempt=True
            )
            assert later.allowed or verdict.scope == "global"
            now += verdict.retry_after
            continue
        for key, most, span in (((client, route, channel), limit, window), (client, 6, 1.0)):
            passed[key].append(now)
            # A fixed window admits its limit twice around its edge, and never more.
            assert len([t for t in passed[key] if t > now - span]) <= 2 * most


def test_buckets_are_kept_by_major_parameter_and_client() -> None:
    limits = RateLimits(overrides={"r": (1, 10.0)})
    assert limits.take(0, 1, "r", {"channel_id": 1}).allowed
    assert not limits.take(1, 1, "r", {"channel_id": 1}).allowed
    assert limits.take(1, 1, "r", {"channel_id": 2, "message_id": 1}).allowed
    assert not limits.take(1, 1, "r", {"channel_id": 2, "message_id": 2}).allowed
    assert limits.take(1, 2, "r", {"channel_id": 1}).allowed
    assert limits.take(10, 1, "r", {"channel_id": 1}).allowed


def test_the_table_of_windows_stays_bounded() -> None:
    limits = RateLimits(global_limit=(10**9, 1.0))
    for number in range(25_000):
        limits.take(number * 1.0, 1, "r", {"channel_id": number})
    assert len(limits._windows) <= 10_001


async def test_a_bucket_shows_its_headers_and_ends_in_a_429() -> None:
    async with running() as here:
        answers = [
            await here.rest.post(f"/channels/{here.channel()}/messages", json={"content": "x"})
            for _ in range(6)
        ]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers[:5]] == [
            "4",
            "3",
            "2",
            "1",
            "0",
        ]
        last = answers[-1]
        assert last.headers["X-RateLimit-Limit"] == "5"
        assert last.headers["X-RateLimit-Scope"] == "user"
        assert 0 < last.json()["retry_after"] <= 5
        assert float(last.headers["X-RateLimit-Reset-After"]) <= 5
        assert float(last.headers["X-RateLimit-Reset"]) > here.demo.world.ids.now().timestamp()
        assert len({answer.headers["X-RateLimit-Bucket"] for answer in answers}) == 1
        other = await here.rest.post(f"/channels/{here.channel('support')}/messages", json={"content": "x"})
        assert other.status_code == 200


async def test_a_lowered_limit_frees_itself_again() -> None:
    async with running(Tuning(buckets={SEND: (1, 0.2)})) as here:
        url = f"/channels/{here.channel()}/messages"
        assert (await here.rest.post(url, json={"content": "x"})).status_code == 200
        late = await here.rest.post(url, json={"content": "x"})
        assert late.status_code == 429
        await trio.sleep(late.json()["retry_after"])
        assert (await here.rest.post(url, json={"content": "x"})).status_code == 200


async def test_the_global_limit_spares_interactions() -> None:
    async with (
        running(Tuning(global_limit=3, global_window=30, identify_window=0)) as here,
        gateway(here) as bot,
    ):
        await here.rest.put(here.commands_url, json=[{"name": "ping", "description": "x"}])
        await bot.login()
        statuses = [(await here.rest.get("/users/@me")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        last = await here.rest.get("/users/@me")
        assert last.headers["X-RateLimit-Global"] == "true"
        assert last.json()["global"] is True
        here.person("alan").slash(here.channel(), "ping")
        heard = await bot.until("INTERACTION_CREATE")
        assert (await here.callback(heard, 4, {"content": "Pong"})).status_code == 204
        assert (await here.rest.post(here.webhook(heard), json={"content": "more"})).status_code == 200

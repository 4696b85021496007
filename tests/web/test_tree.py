"""``/api/actors``: the tree of actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from alphapy.actors.kernel.health import BOUNDS
from tests.support.waiting import wait_until
from tests.web.house import PATTERN, Work, greeter

if TYPE_CHECKING:
    from tests.web.house import JSON, House


def paths(tree: JSON) -> list[str]:
    """The addresses in a tree."""
    if "address" in tree:
        return [tree["address"]]
    return [path for branch in tree.values() for path in paths(branch)]


async def test_the_tree_is_nested_by_address(house: House) -> None:
    await house.greet(5, 17)
    await house.json("/api/health")
    found = await house.json("/api/actors")
    assert set(found["tree"]) == {"guild", "process"}
    assert set(found["tree"]["guild"]) == {"5", "17"}
    assert found["tree"]["guild"]["5"]["greeter"]["state"] == "running"
    assert found["tree"]["process"]["health_history"]["address"] == "process/health_history"
    assert (found["total"], found["returned"], found["next"]) == (3, 3, None)


async def test_totals_by_pattern(house: House) -> None:
    await house.greet(1, 2, 3)
    found = await house.json("/api/actors?limit=1")
    kinds = {kind["pattern"]: kind for kind in found["kinds"]}
    assert set(kinds) == {PATTERN, "process/health_history", "process/webhook_intake"}
    assert kinds[PATTERN]["running"] == 3
    assert kinds[PATTERN]["processed"] == 3
    assert kinds[PATTERN]["handling"]["count"] == 3
    assert kinds["process/health_history"]["running"] == 0
    assert kinds["process/health_history"]["handling"] == {
        "count": 0,
        "sum_seconds": 0.0,
        "p50_seconds": None,
        "p95_seconds": None,
        "p99_seconds": None,
    }


async def test_pages_hold_every_actor_once_and_none_is_larger_than_asked(house: House) -> None:
    everyone = {f"guild/{guild_id}/greeter" for guild_id in range(1, 26)}
    await house.greet(*range(1, 26))
    seen: list[str] = []
    after: Any = ""
    while after is not None:
        page = await house.json(f"/api/actors?limit=7&after={after}")
        found = paths(page["tree"])
        assert page["returned"] == len(found) <= 7
        assert page["total"] == 25
        seen += found
        after = page["next"]
    assert seen == sorted(everyone)


async def test_a_part_of_the_tree(house: House) -> None:
    await house.greet(1, 12, 2)
    assert paths((await house.json("/api/actors?under=guild/1/"))["tree"]) == ["guild/1/greeter"]
    assert (await house.json("/api/actors?under=process/"))["tree"] == {}


async def test_a_page_is_bounded_and_needs_an_integer(house: House) -> None:
    await house.greet(1, 2)
    assert (await house.json("/api/actors?limit=0"))["returned"] == 1
    assert (await house.json("/api/actors?limit=1000000"))["returned"] == 2
    refused = await house.get("/api/actors?limit=all")
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")


async def test_one_actor_with_its_histogram(house: House) -> None:
    await house.greet(5)
    done = trio.Event()
    house.registry.tell(greeter(5), Work(done))
    house.registry.tell(greeter(5), Work())

    async def is_busy() -> bool:
        found = await house.json("/api/actors/guild/5/greeter")
        return bool(found["busy_seconds"] > 0)

    await wait_until(is_busy, what="the actor to be busy")
    found = await house.json("/api/actors/guild/5/greeter")
    assert found["address"] == "guild/5/greeter"
    assert found["mailbox"]["normal"] in {0, 1}
    assert found["handling"]["count"] == 1
    buckets = found["handling"]["buckets"]
    assert [bucket["le_seconds"] for bucket in buckets] == [*BOUNDS, None]
    assert sum(bucket["count"] for bucket in buckets) == 1
    done.set()


async def test_a_failure_is_shown(house: House) -> None:
    house.registry.tell(greeter(5), Work(fails="out of flour"))

    def is_back() -> bool:
        health = house.registry.find(greeter(5))
        return health is not None and (health.parked, health.restarts) == (1, 2)

    await wait_until(is_back, what="the actor to be back after its second crash")
    found = await house.json("/api/actors/guild/5/greeter")
    assert (found["failed"], found["restarts"], found["parked"]) == (2, 2, 1)
    assert found["last_error"] == "RuntimeError: out of flour"


async def test_who_is_not_there_is_a_clear_404(house: House) -> None:
    for address, words in (
        ("guild/5/greeter", "no such actor now"),
        ("guild/5", "An address is"),
        ("guild/x/greeter", "An address is"),
        ("guild/5/greeter/more", "An address is"),
    ):
        answer = await house.get(f"/api/actors/{address}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert words in answer.json()["detail"]

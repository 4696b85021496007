"""The console's pages, as the server renders them."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.actors.backfill.messages import BackfillStatistics
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.survey import Survey
from alphapy.gateway.shard import ShardState
from alphapy.web.census import Census
from alphapy.web.console import words
from alphapy.web.console.attention import notices as notices_of
from alphapy.web.console.view import Observer
from alphapy.web.probe import DatabaseProbe
from tests.support.outage import outage
from tests.support.waiting import wait_until
from tests.web.house import House, Work, greeter, shard

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases


def verdict(page: str) -> str:
    found = re.search(r'<h2 id="summary-title">(.*?)</h2>', page, re.DOTALL)
    assert found is not None
    return found[1].strip()


def notices(page: str) -> list[str]:
    return [
        html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", line))).strip()
        for line in re.findall(r'<li class="(?:bad|warn)">(.*?)</li>', page, re.DOTALL)
    ]


async def page(house: House, path: str = "/console") -> str:
    answer = await house.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


async def test_when_all_is_well_it_says_so(house: House) -> None:
    await house.greet(1)
    assert verdict(await page(house)) == "Everything is fine"
    assert notices(await page(house)) == []


async def test_it_reloads_itself_without_javascript(house: House) -> None:
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in await page(house)


async def test_the_fragment_is_the_live_part_of_the_page(house: House) -> None:
    fragment = await page(house, "/console/fragment")
    assert "<html" not in fragment
    whole = await page(house)
    panels = re.findall(r'<section [^>]*id="(\w+)" data-panel', fragment)
    assert panels == re.findall(r'<section [^>]*id="(\w+)" data-panel', whole)
    assert {"summary", "worst", "kinds", "shards", "letters", "database", "rest", "events"} <= set(panels)


async def test_the_policies_keep_strangers_content_harmless(house: House) -> None:
    answer = await house.get("/console")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text


async def test_static_files_have_their_types(house: House) -> None:
    for name, kind in (
        ("console.css", "text/css"),
        ("console.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        answer = await house.get(f"/console/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
    for name in ("../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "nothing.css"):
        assert (await house.get(f"/console/static/{name}")).status_code == 404


async def test_dead_letters_are_shown_without_what_they_contain(house: House) -> None:
    house.registry.tell(greeter(5), Work(fails="no <b>flour</b>"))

    async def is_shown() -> bool:
        return "RuntimeError: no &lt;b&gt;flour&lt;/b&gt;" in await page(house)

    await wait_until(is_shown, what="the letter")
    shown = await page(house)
    letters = shown[shown.index('id="letters"') : shown.index('id="database"')]
    assert "guild/5/greeter" in letters
    assert "<td>Work</td>" in letters
    assert "fails" not in letters
    assert "<b>flour" not in shown
    assert "1 dead letter waits for you to replay or discard" in " ".join(notices(shown))


async def test_the_worst_actors_come_first(house: House) -> None:
    await house.greet(1, 2, 3)
    done = trio.Event()
    for guild_id, depth in ((2, 2), (3, 5)):
        for _ in range(depth + 1):
            house.registry.tell(greeter(guild_id), Work(done))
    for number in range(10):
        house.registry.tell(greeter(4), Work(fails=str(number)))

    def has_failed() -> bool:
        health = house.registry.find(greeter(4))
        return health is not None and health.state is ActorState.FAILED

    await wait_until(has_failed, what="the actor to fail")
    shown = await page(house)
    worst = shown[shown.index('id="worst"') : shown.index('id="kinds"')]
    listed = re.findall(r'href="/api/actors/guild/(\d+)/greeter"', worst)
    assert listed[0] == "4"
    assert set(listed) == {"2", "3", "4"}
    assert "Problem: 1 actor has failed in guild/*/greeter, to be tried again later." in notices(shown)
    done.set()


async def test_a_shard_that_is_not_ready_is_a_problem(house: House) -> None:
    house.gateway.shards = (shard(0), shard(1, state=ShardState.RESUMING, in_state=17.0, last_ending="gone"))
    shown = await page(house)
    assert verdict(shown) == "Something is wrong"
    assert notices(shown) == ["Problem: Shard 1 has been resuming for 17 s; the last connection ended: gone."]
    house.gateway.shards = ()
    assert notices(await page(house)) == ["Note: No shard is connected yet."]


async def test_queues_that_are_full_are_noticed(house: House) -> None:
    limiter = attrs.evolve(house.gateway.rest.limiter, invalid=4000, globally_blocked_for=2.5)
    house.gateway.rest = attrs.evolve(house.gateway.rest, limiter=limiter)
    house.gateway.guilds_arrived = False
    house.switches["settings"] = False
    assert notices(await page(house)) == [
        "Note: The settings are not loaded yet.",
        "Note: Guilds are still arriving from Discord.",
        "Note: Discord's global limit blocks calls for 2.5 s.",
        "Note: 4 000 calls were refused in ten minutes; Discord bans at 10 000.",
    ]


async def test_everything_that_can_be_wrong_has_its_words(house: House) -> None:
    """On one moment made worse in every respect, without waiting for it to happen."""
    await house.greet(1)
    sources = house.sources
    census = Census(house.registry)
    moment = await Observer(sources, census, DatabaseProbe(sources)).observe()
    assert notices_of(moment) == ()
    (kind, *others) = moment.survey.kinds
    health = house.registry.find(greeter(1))
    assert health is not None
    worst = (
        attrs.evolve(health, state=ActorState.BACKING_OFF, last_error="KeyError: 'x'"),
        attrs.evolve(health, state=ActorState.BACKING_OFF, last_error=None),
        attrs.evolve(health, busy_seconds=75.0),
    )
    slow = attrs.evolve(kind, failed_actors=2, oldest_seconds=12.0)
    bad = attrs.evolve(
        moment,
        is_stopping=True,
        pool=attrs.evolve(moment.pool, waiting=3),
        survey=Survey((slow, *others), worst),
        budget=attrs.evolve(moment.budget, waiting=1),
        letter_statistics=attrs.evolve(moment.letter_statistics, waiting=1, lost=2),
    )
    assert [notice.text for notice in notices_of(bad)] == [
        "2 actors have failed in guild/*/greeter, to be tried again later.",
        "Shards have stopped reading: the budget of queued events is spent.",
        "2 dead letters were lost.",
        "The service is stopping.",
        "3 tasks wait for a database connection.",
        "A message to guild/*/greeter has waited for 12 s.",
        "guild/1/greeter is backing off: KeyError: 'x'",
        "guild/1/greeter is backing off.",
        "guild/1/greeter has worked on one message for 1 min.",
        "1 dead letter waits to be stored.",
    ]
    behind = BackfillStatistics(waiting=1, reading=1, overdue=1, failed=1, cut=1)
    assert [notice.text for notice in notices_of(attrs.evolve(moment, backfill=behind))] == [
        "2 guilds read back what Discord did not send between two sessions.",
        "1 guild went live before everything that was missed could be read back; see the log.",
        "2 channels were not read back to the end after a lost session; see the log.",
    ]
    nearly = attrs.evolve(moment, budget=attrs.evolve(moment.budget, used=900))
    assert [notice.text.replace(words.NARROW, " ") for notice in notices_of(nearly)] == [
        "900 of 1 000 events are queued."
    ]


async def test_the_console_works_without_a_database(
    house: House, databases: Databases, database_url: str
) -> None:
    async with outage(databases, database_url):
        shown = await page(house)
    assert notices(shown)[0].startswith("Problem: The database does not answer (DatabaseUnavailable).")
    assert "The database does not tell at the moment." in shown


async def test_a_schema_of_another_version_is_a_problem(house: House, pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE alembic_version SET version_num = 'other'")
        await tx.execute("DROP TABLE dead_letters")
    shown = await page(house)
    assert notices(shown)[0].startswith("Problem: The database's schema is not the one")
    assert "The database does not tell at the moment." in shown


async def test_the_tree_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphapy.web.console.pages.PAGE", 2)
    await house.greet(4, 5, 6)
    await house.json("/api/health")
    first = await page(house, "/console/actors")
    assert "2 actors on this page" in first
    assert "A guild that is not known" in first
    assert "The &lt;i&gt;Bakery&lt;/i&gt;" in first
    (following,) = re.findall(r'href="(/console/actors\?after=[^"]+)"', first)
    second = await page(house, following.replace("&amp;", "&"))
    assert re.findall(r'href="/api/actors/([^"]+)"', second) == ["process/health_history", "guild/6/greeter"]
    assert "Next page" not in second
    process = await page(house, "/console/actors?under=process/")
    assert re.findall(r'href="/api/actors/([^"]+)"', process) == ["process/health_history"]
    assert "There is none here." in await page(house, "/console/actors?under=nowhere")


async def test_hostile_parameters_are_shown_as_text(house: House) -> None:
    shown = await page(house, "/console/actors?under=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


async def test_a_slash_at_the_end_does_no_harm(house: House) -> None:
    assert verdict(await page(house, "/console/")) == "Everything is fine"

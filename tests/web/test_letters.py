"""Dead letters over HTTP and on the console: replayed and discarded by operators, from our own pages only."""

from __future__ import annotations

import html
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import trio
from typing_extensions import override

from alphapy.actors.dead_letters.messages import Replay
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.pure.backoff import Backoff
from alphapy.storage import deadletters
from alphapy.web.console.letters import news
from alphapy.web.letters import TOLD
from tests.support.outage import outage
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases

BASE = "/api/actors/dead-letters"
EVENT = {
    "name": "MESSAGE_DELETE",
    "event": {"id": "123456789012345678", "channel_id": "8", "guild_id": "5"},
    "shard_id": 0,
    "session_id": "top-secret-session",
    "seq": 7,
}


class Listener(Actor):
    """Takes events in batches, and crashes on guild 6."""

    heard: list[object]

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        self.heard += messages
        if self.context.address.guild_id == 6:
            raise RuntimeError("still no flour")


def listen(house: House) -> list[object]:
    """Let listeners listen; what they will have heard."""
    heard: list[object] = []

    def build(context: Any) -> Actor:
        listener = Listener(context)
        listener.heard = heard
        return listener

    quick = Backoff(initial=0.01, factor=1.0, ceiling=0.01, jitter=0.0)
    house.registry.register("guild/*/listener", ChildSpec(factory=build, backoff=quick))
    return heard


async def park(
    house: House, message: Any = None, *, guild_id: int = 5, kind: str = "GatewayEvent", error: str = "boom"
) -> int:
    """Set a message aside; its number."""
    letter = deadletters.Letter(
        address=f"guild/{guild_id}/listener",
        guild_id=guild_id,
        message_type=kind,
        message=EVENT if message is None else message,
        error=error,
        traceback="Traceback: secret",
        attempts=2,
    )
    async with house.pool.transaction("test") as tx:
        return await deadletters.park(tx, letter)


async def post(house: House, path: str, **headers: str) -> httpx.Response:
    return await house.http.post(path, headers={n.replace("_", "-"): v for n, v in headers.items()})


async def test_letters_are_listed_page_by_page_with_outlines(house: House) -> None:
    numbers = [await park(house, guild_id=5 + n % 2) for n in range(5)]
    first = await house.json(f"{BASE}?limit=3")
    assert [letter["id"] for letter in first["letters"]] == numbers[:1:-1]
    assert (first["count"], first["total"], first["dropped"], first["kept"]) == (5, 5, 0, 10_000)
    rest = await house.json(f"{BASE}?limit=3&before={first['next']}")
    assert [letter["id"] for letter in rest["letters"]] == numbers[1::-1]
    assert rest["next"] is None
    mine = await house.json(f"{BASE}?address=guild/6/listener")
    assert (mine["count"], mine["total"], len(mine["letters"])) == (2, 5, 2)
    letter = mine["letters"][0]
    assert (letter["kind"], letter["guild_id"], letter["attempts"], letter["error"]) == (
        "MESSAGE_DELETE",
        "6",
        2,
        "boom",
    )
    assert letter["payload"]["event.id"] == "123456789012345678"
    assert "secret" not in str(mine)
    assert letter["replayable"]


@pytest.mark.parametrize("query", ["before=x", "before=0", "before=99999999999999999999", "limit=many"])
async def test_nonsense_is_refused(house: House, query: str) -> None:
    assert (await house.get(f"{BASE}?{query}")).status_code == 422


async def test_a_replay_tells_what_became_of_it(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alphapy")
    heard = listen(house)
    good, bad = await park(house), await park(house, guild_id=6)
    other = await park(house, {"number": 1}, kind="Work")
    done = (await post(house, f"{BASE}/{good}/replay", X_Request_ID="req-1")).json()
    assert (done["id"], done["outcome"]) == (good, "done")
    assert (await post(house, f"{BASE}/{good}/replay")).json()["outcome"] == "gone"
    crashed = (await post(house, f"{BASE}/{bad}/replay")).json()
    assert crashed["outcome"] == "crashed"
    assert "crashed its actor again" in crashed["detail"]
    assert (await post(house, f"{BASE}/{other}/replay")).json()["outcome"] == "unreadable"
    assert len(heard) == 3, "told once, and twice where it crashed"
    (noted, *_) = [vars(r) for r in caplog.records if vars(r).get("event") == "dead_letter_replayed"]
    assert (noted["letter"], noted["outcome"], noted["request_id"]) == (good, "done", "req-1")


async def test_two_clicks_at_once_tell_it_once(house: House) -> None:
    heard = listen(house)
    number = await park(house)
    answers: list[str] = []

    async def click() -> None:
        answers.append((await post(house, f"{BASE}/{number}/replay")).json()["outcome"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(click)
        nursery.start_soon(click)
    assert len(heard) == 1
    assert set(answers) <= {"done", "gone"}


async def test_letters_are_discarded_one_by_one_and_all_of_an_actor(house: House) -> None:
    numbers = [await park(house) for _ in range(3)]
    assert (await post(house, f"{BASE}/{numbers[0]}/discard")).json()["outcome"] == "discarded"
    assert (await post(house, f"{BASE}/{numbers[0]}/discard")).json()["outcome"] == "gone"
    found = (await post(house, f"{BASE}/discard?address=guild/5/listener")).json()
    assert found == {"address": "guild/5/listener", "discarded": 2}
    assert (await house.json(BASE))["total"] == 0
    assert (await post(house, f"{BASE}/discard")).status_code == 422
    assert (await post(house, f"{BASE}/nine/discard")).status_code == 422


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": ""},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_what_another_site_sends_is_refused(house: House, headers: dict[str, str]) -> None:
    number = await park(house)
    for path in (f"{BASE}/{number}/discard", f"{BASE}/{number}/replay", f"{BASE}/discard?address=a"):
        answer = await house.http.post(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await house.json(BASE))["total"] == 1


async def test_our_own_pages_may(house: House) -> None:
    first, second = await park(house), await park(house)
    assert (await post(house, f"{BASE}/{first}/discard", Origin=house.base)).status_code == 200
    assert (await post(house, f"{BASE}/{second}/discard", Sec_Fetch_Site="same-origin")).status_code == 200


async def test_only_operators_come_in(pool: Pool) -> None:
    async with open_house(pool, api_key="open-sesame") as house:
        number = await park(house)
        assert (await house.get(BASE)).status_code == 401
        assert (await house.get("/console/letters")).status_code == 401
        assert (await post(house, f"{BASE}/{number}/discard")).status_code == 401
        assert (await house.http.post("/console/letters", data={"act": "discard"})).status_code == 401
        assert (await post(house, f"{BASE}/{number}/discard", X_Api_Key="open-sesame")).status_code == 200


async def test_without_a_database_it_says_so(house: House, databases: Databases, database_url: str) -> None:
    number = await park(house)
    page = await shown(house)
    async with outage(databases, database_url):
        assert (await house.get(BASE)).status_code == 503
        assert (await post(house, f"{BASE}/1/replay")).status_code == 503
        assert "The database does not tell at the moment." in await shown(house)
        back = await press(house, page, "replay", number)
        assert "nothing was changed" in back


# -- the console


async def shown(house: House, query: str = "") -> str:
    answer = await house.get(f"/console/letters{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    return found[1] if found else ""


async def press(house: House, page: str, act: str, number: int = 0, **form: str) -> str:
    """Press a button of the page; the page that it leads back to."""
    fields = {"token": token_of(page), "filter": "", "act": act, "letter": str(number)} | form
    answer = await house.http.post("/console/letters", data=fields, headers={"Origin": house.base})
    assert answer.status_code == 303, answer.text
    return (await house.get(answer.headers["Location"])).text


def said(page: str) -> str:
    found = re.search(r'class="news \w+" role="status">(.*?)</p>', page)
    return html.unescape(found[1]) if found else ""


async def test_the_page_shows_letters_and_presses_do_what_they_say(house: House) -> None:
    heard = listen(house)
    number = await park(house, error="<b>boom</b>")
    await park(house, {"number": 1}, kind="Work")
    page = await shown(house)
    assert "&lt;b&gt;boom&lt;/b&gt;" in page
    assert "The &lt;i&gt;Bakery&lt;/i&gt;" in page
    assert "secret" not in page
    assert page.count('value="replay"') == 1
    page = await press(house, page, "replay", number)
    assert said(page) == TOLD[Replay.DONE].format(number)
    page = await press(house, page, "replay", number)
    assert said(page) == TOLD[Replay.GONE].format(number)
    assert len(heard) == 1
    page = await press(house, page, "discard", number + 1)
    assert said(page) == f"Letter {number + 1} was discarded."
    assert "None." in page


async def test_all_of_one_actor_go_at_once_and_the_filter_stays(house: House) -> None:
    listen(house)
    for guild_id in (5, 5, 6):
        await park(house, guild_id=guild_id)
    page = await shown(house, "?address=guild/5/listener")
    assert "2 letters of" in page
    assert "Discard 2 letters" in page
    page = await press(house, page, "discard_all", filter="guild/5/listener")
    assert said(page) == "2 letters were discarded."
    assert "None here." in page
    assert (await house.json(BASE))["total"] == 1


async def test_all_of_one_actor_are_replayed_with_one_button(house: House) -> None:
    heard = listen(house)
    for _ in range(3):
        await park(house)
    await park(house, guild_id=6)
    page = await shown(house, "?address=guild/5/listener")
    page = await press(house, page, "replay_all", filter="guild/5/listener")
    assert said(page).startswith("Replayed and dealt with: 3.")
    assert len(heard) == 3
    found = (await post(house, f"{BASE}/replay?address=guild/6/listener")).json()
    assert (found["replayed"], found["outcome"]) == (0, "crashed")
    assert "left as it was" in found["detail"]
    page = await shown(house, "?address=guild/6/listener")
    assert "was left as it was" in await press(house, page, "replay_all", filter="guild/6/listener")


async def test_a_form_without_its_token_or_from_elsewhere_is_refused(house: House) -> None:
    number = await park(house)
    page = await shown(house)
    fields = {"act": "discard", "letter": str(number), "filter": ""}
    good = fields | {"token": token_of(page)}
    for data, headers, title in (
        (fields, {"Origin": house.base}, "Open the page again"),
        (fields | {"token": "0" * 64}, {}, "Open the page again"),
        (good, {"Origin": "https://evil.example"}, "Not from there"),
        (good, {"Sec-Fetch-Site": "cross-site"}, "Not from there"),
        (good, {"Origin": "null"}, "Not from there"),
    ):
        answer = await house.http.post(
            "/console/letters", data=data, headers={"Accept": "text/html"} | headers
        )
        assert answer.status_code == 403
        assert title in answer.text
    assert (await house.json(BASE))["total"] == 1


async def test_a_token_of_another_process_or_key_does_not_count(pool: Pool) -> None:
    async with open_house(pool) as one, open_house(pool) as two:
        await park(one)
        assert token_of(await shown(one)) != token_of(await shown(two))


async def test_the_page_may_post_forms_to_us_and_nothing_else_changes(house: House) -> None:
    letters, overview = await house.get("/console/letters"), await house.get("/console")
    assert "form-action 'self'" in letters.headers["Content-Security-Policy"]
    assert letters.headers["Referrer-Policy"] == "same-origin", "else a browser says Origin: null"
    assert "form-action 'none'" in overview.headers["Content-Security-Policy"]


async def test_what_was_dropped_is_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(house.sources.letters), "dropped", 1234)
    assert "have been dropped since the start" in await shown(house)
    assert "only the newest" in (await house.get("/console")).text


@pytest.mark.parametrize(
    ("told", "level"),
    [("done", "good"), ("crashed", "bad"), ("slow", "warn"), ("x", "warn"), ("away", "bad")],
)
def test_every_outcome_has_its_words(told: str, level: str) -> None:
    found = news(told, "7")
    assert found is not None
    assert found[0] == level
    assert news(None, "7") is None


async def test_a_button_that_is_not_known_does_nothing(house: House) -> None:
    await park(house)
    page = await shown(house)
    assert said(await press(house, page, "explode")) == "Nothing was done: that button is not known."
    assert said(await press(house, page, "replay", filter="x", letter="x" * 400)).startswith(
        "Nothing was done"
    )
    assert (await house.json(BASE))["total"] == 1

"""The webhooks: what they do once signed, what they refuse, and that nothing is done twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

from alphapy.environment import Secret
from alphapy.gateway.models.guild import Channel, ChannelType
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, UserId
from alphapy.storage import links
from alphapy.web.auth.hooks import sign
from alphapy.web.auth.security import Security
from alphapy.web.routes.webhooks import LINKED, UNLINKED, WELCOME
from tests.support.waiting import wait_until
from tests.web.house import House, open_house
from tests.web.neighbours import ADMIN, HOME, MEMBER, Neighbours, direct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from alphapy.storage.pool import Pool

SECRET = Secret("shared with the sender")
SECURITY = Security(production=True, hook_secrets={"APP_REFLECTIONS_WEBHOOK_SECRET": SECRET})
FOUNDER, LEGAL, LINK = "/webhooks/founder", "/webhooks/legal-update", "/webhooks/discord-link"
NEWS = ChannelId(500)
LOGS = ChannelId(501)
U1, U2 = str(UUID(int=1)), str(UUID(int=2))


@attrs.frozen
class Sender:
    """Who sends webhooks to a house."""

    house: House

    async def post(self, path: str, body: Any) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.house.http.post(
            path, content=raw, headers={"X-Webhook-Signature": sign(SECRET, raw)}
        )

    async def answer(self, path: str, body: Any) -> Any:
        found = await self.post(path, body)
        assert found.status_code == 200, found.text
        return found.json()

    @property
    def sent(self) -> list[tuple[int, str]]:
        """Where, and what."""
        return [(channel, message.content) for channel, message in self.house.neighbours.sent]


def neighbours(**changes: Any) -> Neighbours:
    around = Neighbours(main_guild_id=HOME, legal_channel_id=NEWS)
    home = around.guilds[HOME]
    home.channels = {
        channel: Channel(id=channel, guild_id=HOME, type=ChannelType.TEXT) for channel in (NEWS, LOGS)
    }
    return attrs.evolve(around, **changes)


@pytest.fixture
async def sender(pool: Pool) -> AsyncIterator[Sender]:
    async with open_house(pool, security=SECURITY, neighbours=neighbours()) as house:
        yield Sender(house)


async def test_what_is_no_delivery_at_all(sender: Sender) -> None:
    for path in (FOUNDER, LEGAL, LINK):
        for body in (b"", b"{", b"[]", b'"x"', b"5", b"null", b"\xff", b"{}", b'{"user_id": true}'):
            answer = await sender.post(path, body)
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_payload"), (path, body)


async def test_ids_that_are_none(sender: Sender) -> None:
    for user_id in (None, "", "x", "-1", " 12", 0, -5, 1.5, True, 2**63, [12], {"id": 12}):
        for path, name in ((FOUNDER, "user_id"), (LINK, "discord_user_id")):
            answer = await sender.post(path, {name: user_id, "innersync_user_id": U1})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_payload"), (path, user_id)
            assert name in answer.json()["detail"]
    assert sender.sent == []


async def test_a_founder_is_welcomed(sender: Sender) -> None:
    texts: dict[Any, str] = {"  Hello  ": "Hello", None: WELCOME, "": WELCOME, "  ": WELCOME, 5: WELCOME}
    for message, text in (texts | {"x" * 2000: "x" * 2000}).items():
        answer = await sender.answer(FOUNDER, {"user_id": str(ADMIN), "message": message})
        assert answer == {"status": "acknowledged", "user_id": str(ADMIN)}
        assert sender.sent[-1] == (direct(ADMIN), text)
    _, sent = sender.house.neighbours.sent[0]
    pings = sent.to_json()["allowed_mentions"]
    assert pings == {"parse": [], "users": [], "roles": [], "replied_user": False}


async def test_a_message_that_is_too_long(sender: Sender) -> None:
    assert (await sender.post(FOUNDER, {"user_id": ADMIN, "message": "x" * 2001})).status_code == 400


async def test_the_same_delivery_welcomes_once_and_another_one_again(sender: Sender) -> None:
    body = {"user_id": ADMIN, "message": "hi"}
    for _ in range(3):
        assert (await sender.answer(FOUNDER, body))["status"] == "acknowledged"
    assert len(sender.sent) == 1
    await sender.answer(FOUNDER, json.dumps(body).encode() + b" ")
    assert len(sender.sent) == 2


async def test_a_founder_who_takes_no_messages_can_be_tried_again(sender: Sender) -> None:
    around = sender.house.neighbours
    around.deaf.add(ADMIN)
    answer = await sender.post(FOUNDER, {"user_id": ADMIN})
    assert (answer.status_code, answer.json()["code"]) == (502, "dm_failed")
    around.deaf.clear()
    await sender.answer(FOUNDER, {"user_id": ADMIN})
    assert len(sender.sent) == 1


async def test_a_discord_in_trouble(sender: Sender) -> None:
    down, slow, refuses = (503, "bot_unavailable"), (504, "timeout"), (502, "dm_failed")
    troubles = {
        DiscordErrorKind.SERVER: down,
        DiscordErrorKind.TRANSPORT: down,
        DiscordErrorKind.RATE_LIMITED: down,
        DiscordErrorKind.UNAUTHORIZED: down,
        DiscordErrorKind.TIMED_OUT: slow,
        DiscordErrorKind.FORBIDDEN: refuses,
        DiscordErrorKind.NOT_FOUND: refuses,
    }
    for trouble, expected in troubles.items():
        sender.house.neighbours.trouble = trouble
        answer = await sender.post(FOUNDER, {"user_id": ADMIN})
        assert (answer.status_code, answer.json()["code"]) == expected, trouble
    sender.house.neighbours.trouble = None
    await sender.answer(FOUNDER, {"user_id": ADMIN})
    assert len(sender.sent) == 1


async def test_a_message_whose_answer_was_lost_is_not_sent_again(sender: Sender) -> None:
    around = sender.house.neighbours
    around.loses_answers = True
    assert (await sender.post(FOUNDER, {"user_id": ADMIN, "message": "hi"})).status_code == 503
    around.loses_answers = False
    around.sent[0] = (around.sent[0][0], attrs.evolve(around.sent[0][1], nonce="long forgotten"))
    assert (await sender.answer(FOUNDER, {"user_id": ADMIN, "message": "hi"}))["status"] == "acknowledged"
    assert len(sender.sent) == 1, "the channel was read, and the message found"


async def test_a_bot_that_is_not_there(sender: Sender) -> None:
    sender.house.gateway.guilds_arrived = False
    for path, body in ((FOUNDER, {"user_id": ADMIN}), (LEGAL, {"documents": ["tos"]})):
        answer = await sender.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (503, "bot_unavailable")
    sender.house.gateway.guilds_arrived = True
    await sender.answer(FOUNDER, {"user_id": ADMIN})


async def test_a_discord_that_takes_too_long(pool: Pool) -> None:
    around = neighbours(hangs=True)
    async with open_house(pool, security=SECURITY, neighbours=around, handler_seconds=0.5) as house:
        answer = await Sender(house).post(FOUNDER, {"user_id": ADMIN})
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")


async def test_legal_documents_are_announced(sender: Sender) -> None:
    body = {"documents": ["pp", "nda", "tos", "pp"], "tos_version": " 2026-02-01 ", "pp_version": 7}
    assert await sender.answer(LEGAL, body) == {"status": "acknowledged", "sent": "pp, tos"}
    ((channel, message),) = sender.house.neighbours.sent
    assert channel == NEWS
    assert [embed.title for embed in message.embeds] == [
        "📜 Privacy Policy updated",
        "📜 Terms of Service updated",
    ]
    dates = [embed.fields[0].value for embed in message.embeds]
    assert dates == ["See the document", "2026-02-01"]
    assert "https://docs.innersync.tech/legal/terms-of-service" in message.embeds[1].fields[1].value
    assert await sender.answer(LEGAL, body) == {"status": "acknowledged", "sent": "pp, tos"}
    assert len(sender.sent) == 1


async def test_documents_that_are_none(sender: Sender) -> None:
    for documents in (None, [], "tos", [5], [None], {"tos": 1}):
        assert (await sender.post(LEGAL, {"documents": documents})).status_code == 400, documents


async def test_unknown_documents_alone_are_none(sender: Sender) -> None:
    assert await sender.answer(LEGAL, {"documents": ["nda"]}) == {"status": "acknowledged", "sent": "none"}
    assert sender.sent == []


async def test_what_discord_refuses_was_not_posted_and_can_be_tried_again(sender: Sender) -> None:
    sender.house.neighbours.trouble = DiscordErrorKind.FORBIDDEN
    assert await sender.answer(LEGAL, {"documents": ["tos"]}) == {"status": "acknowledged", "sent": "none"}
    sender.house.neighbours.trouble = DiscordErrorKind.SERVER
    assert (await sender.post(LEGAL, {"documents": ["tos"]})).status_code == 503
    sender.house.neighbours.trouble = None
    assert await sender.answer(LEGAL, {"documents": ["tos"]}) == {"status": "acknowledged", "sent": "tos"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"main_guild_id": None}, "MAIN_GUILD_ID is not set"),
        ({"legal_channel_id": None}, "no channel for legal updates is set"),
        ({"legal_channel_id": ChannelId(1)}, "the channel for legal updates is not in the main server"),
        ({"main_guild_id": GuildId(300)}, "the channel for legal updates is not in the main server"),
    ],
)
async def test_where_nothing_can_be_announced(pool: Pool, changes: dict[str, Any], reason: str) -> None:
    async with open_house(pool, security=SECURITY, neighbours=neighbours(**changes)) as house:
        assert await Sender(house).answer(LEGAL, {"documents": ["tos"]}) == {
            "status": "skipped",
            "reason": reason,
        }


async def test_without_a_channel_of_its_own_the_log_channel_serves(pool: Pool) -> None:
    around = neighbours(legal_channel_id=None, log_channels={HOME: LOGS})
    async with open_house(pool, security=SECURITY, neighbours=around) as house:
        await Sender(house).answer(LEGAL, {"documents": ["tos"]})
        assert [channel for channel, _ in around.sent] == [LOGS]


async def linked(pool: Pool, account: str) -> int | None:
    return await pool.run("web", lambda tx: links.discord_id_of(tx, UUID(account)))


async def test_accounts_are_linked_and_unlinked(sender: Sender, pool: Pool) -> None:
    pair = {"discord_user_id": str(MEMBER), "innersync_user_id": U1}
    for event in ({}, {"event": None}, {"event": "link"}):
        status = (await sender.answer(LINK, pair | event))["status"]
        assert status == ("noop" if event else "ok")
    assert await linked(pool, U1) == MEMBER
    await wait_until(lambda: sender.sent == [(direct(MEMBER), LINKED)])
    other = {"event": "unlink", "discord_user_id": MEMBER, "innersync_user_id": U2}
    assert (await sender.answer(LINK, other))["status"] == "noop"
    assert await sender.answer(LINK, pair | {"event": "unlink"}) == {
        "status": "ok",
        "discord_user_id": str(MEMBER),
    }
    assert (await sender.answer(LINK, {"event": "unlink", "discord_user_id": MEMBER}))["status"] == "noop"
    assert await linked(pool, U1) is None
    await wait_until(lambda: sender.sent[1:] == [(direct(MEMBER), UNLINKED)])


async def test_an_account_that_is_taken(sender: Sender, pool: Pool) -> None:
    await sender.answer(LINK, {"discord_user_id": MEMBER, "innersync_user_id": U1})
    for body in (
        {"discord_user_id": MEMBER, "innersync_user_id": U2},
        {"discord_user_id": ADMIN, "innersync_user_id": U1},
    ):
        answer = await sender.post(LINK, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "link_conflict")
    assert await linked(pool, U1) == MEMBER
    assert await linked(pool, U2) is None


async def test_wishes_that_are_none(sender: Sender, pool: Pool) -> None:
    wrong: list[dict[str, Any]] = [
        {"event": "relink"},
        {"event": 5},
        {"innersync_user_id": None},
        {"innersync_user_id": "ada"},
        {"innersync_user_id": 5},
        {"event": "unlink", "innersync_user_id": "ada"},
        {"link_source": "x" * 65},
    ]
    for changes in wrong:
        answer = await sender.post(LINK, {"discord_user_id": MEMBER, "innersync_user_id": U1} | changes)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_payload"), changes
    assert await linked(pool, U1) is None


async def test_where_a_link_comes_from(sender: Sender, pool: Pool) -> None:
    given: list[tuple[dict[str, Any], str]] = [
        ({}, "webhook"),
        ({"link_source": "app"}, "app"),
        ({"link_source": 7}, "7"),
    ]
    for number, (source, stored) in enumerate(given, 1):
        pair = {"discord_user_id": MEMBER + number, "innersync_user_id": str(UUID(int=number))}
        await sender.answer(LINK, pair | source)
        async with pool.transaction("web") as tx:
            query = "SELECT link_source FROM alphapy_discord_links WHERE discord_user_id = %s"
            assert await tx.fetch_value(query, (MEMBER + number,)) == stored


async def test_a_message_that_cannot_be_sent_changes_nothing(sender: Sender, pool: Pool) -> None:
    sender.house.neighbours.deaf.add(UserId(MEMBER))
    answer = await sender.answer(LINK, {"discord_user_id": MEMBER, "innersync_user_id": U1})
    assert answer["status"] == "ok"
    assert await linked(pool, U1) == MEMBER

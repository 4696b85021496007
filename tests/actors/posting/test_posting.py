"""`/sendto` and `/embed`: who may have the bot write where, and whom it pings (spec/engagement.md 4.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from alphapy.actors.posting.commands import Posts
from alphapy.actors.posting.desk import Desk
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import MessageId
from tests.gateway.interactions.house import ADMIN_ROLE, OWNER, House, house
from tests.support.clock import FakeClock
from tests.support.guilds import SPEAK, denied, guild_cache
from tests.support.interactions import GUILD, FakeCalls, command, submission

if TYPE_CHECKING:
    from trio.testing import MockClock

    from alphapy.gateway.models.interaction import Interaction

OPEN, CLOSED, VOICE, UNKNOWN = 210, 211, 212, 219
PINGS_ROLE = 8
CHANNELS: dict[int, dict[str, Any]] = {
    OPEN: {},
    CLOSED: denied(Permissions.SEND_MESSAGES),
    VOICE: {"type": 2},
}


@attrs.define
class Discord:
    """Takes messages, or does not."""

    posted: list[tuple[int, OutgoingMessage]] = attrs.field(factory=list)
    failure: DiscordError | None = None

    async def create_message(self, channel_id: int, message: OutgoingMessage) -> MessageId:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        assert message.nonce
        self.posted.append((channel_id, message))
        return MessageId(1)


def failure(kind: DiscordErrorKind) -> DiscordError:
    return DiscordError(kind=kind, route="POST", message="secret insides")


def opened(channel_id: int) -> Any:
    return {"channels": {str(channel_id): {"id": str(channel_id), "type": 0, "name": "c"}}}


def send(text: str, channel_id: int = OPEN, **more: Any) -> Interaction:
    options = {"channel": str(channel_id), "message": text}
    return command("sendto", options, resolved=opened(channel_id), **{"roles": [ADMIN_ROLE], **more})


def form(channel_id: int = OPEN, /, **fields: str) -> Interaction:
    return submission(f"embed:create:{channel_id}", fields, roles=[ADMIN_ROLE])


async def play(
    *interactions: Interaction, discord: Discord | None = None, mine: Permissions = Permissions.EMBED_LINKS
) -> tuple[list[str], Discord]:
    """What the admin reads, and what was posted."""
    discord = discord or Discord()
    cache = guild_cache(
        channels=CHANNELS,
        everyone=SPEAK,
        mine=mine,
        roles={PINGS_ROLE: Permissions.MENTION_EVERYONE, ADMIN_ROLE: Permissions(0)},
    )
    posts = Posts(Desk(discord, cache, FakeClock()))
    calls = FakeCalls()
    async with house(calls, commands=posts.commands(), modals=(posts.form,)) as found:
        await found.submit(*interactions)
        assert not found.crashes
    _check_private(found)
    shown = [said for said in calls.said if said.method != "respond" or said.type != 5]
    return [said.text for said in shown], discord


def _check_private(found: House) -> None:
    for said in found.calls.said:
        assert said.ephemeral or (said.method == "respond" and said.type == 9)


async def test_lines_and_users_but_no_roles_for_one_who_may_not(autojump_clock: MockClock) -> None:
    texts, discord = await play(send("Hi <@5> and <@!6>\\n<@&7> @everyone"))
    assert texts == [f"✅ Posted in <#{OPEN}>."]
    ((channel_id, message),) = discord.posted
    assert (channel_id, message.content) == (OPEN, "Hi <@5> and <@!6>\n<@&7> @everyone")
    assert message.allowed_mentions.to_json() == {
        "parse": [],
        "users": ["5", "6"],
        "roles": [],
        "replied_user": False,
    }


async def test_everyone_and_roles_for_one_who_may_mention_them_there(autojump_clock: MockClock) -> None:
    _, discord = await play(send("<@&7> @here", roles=[ADMIN_ROLE, PINGS_ROLE]))
    assert discord.posted[0][1].allowed_mentions.to_json() == {
        "parse": ["everyone"],
        "users": [],
        "roles": ["7"],
        "replied_user": False,
    }


@pytest.mark.parametrize(
    ("interaction", "words"),
    [
        (send("x", roles=[]), "Only administrators"),
        (send("x", guild_id=0), "server only"),
        (send("\\n "), "A message needs words."),
        (send("x" * 2007), "this one has 7 too many"),
        (send("x", CLOSED), f"You may not write in <#{CLOSED}> yourself."),
        (send("\\n", CLOSED), f"You may not write in <#{CLOSED}> yourself."),
        (send("x", VOICE), "no such text or announcement channel"),
        (send("x", UNKNOWN), "no such text or announcement channel"),
        (form(title="x", color="#zz"), "`#zz` is no colour"),
        (form(footer="x"), "needs a title or a description"),
        (form(CLOSED, title="x"), f"You may not write in <#{CLOSED}> yourself."),
        (form(UNKNOWN, title="x"), "no such text or announcement channel"),
        (submission(f"embed:create:{OPEN}", {"title": "x"}), "Only administrators"),
    ],
)
async def test_what_may_not_be_is_refused_and_nothing_is_posted(
    autojump_clock: MockClock, interaction: Interaction, words: str
) -> None:
    (text,), discord = await play(interaction)
    assert words in text
    assert not discord.posted


async def test_a_member_in_a_timeout_cannot_have_it_written(autojump_clock: MockClock) -> None:
    member = {
        "user": {"id": "300", "username": "someone"},
        "roles": [str(ADMIN_ROLE)],
        "communication_disabled_until": "2030-01-01T00:00:00+00:00",
        "permissions": "0",
    }
    (text,), _ = await play(send("x", member=member))
    assert "You may not write" in text


async def test_an_owner_of_the_bot_is_exempt(autojump_clock: MockClock) -> None:
    (text,), discord = await play(send("@everyone", CLOSED, user_id=OWNER, roles=[]), mine=Permissions(8))
    assert text.startswith("✅")
    assert discord.posted[0][1].allowed_mentions.everyone is False


async def test_the_bot_says_what_it_lacks(autojump_clock: MockClock) -> None:
    texts, discord = await play(send("x"), form(title="x"), mine=Permissions(0))
    assert sorted(texts) == [f"I lack Embed Links in <#{OPEN}>.", f"✅ Posted in <#{OPEN}>."]
    assert len(discord.posted) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (DiscordErrorKind.FORBIDDEN, "Please look at my permissions there."),
        (DiscordErrorKind.TRANSPORT, "I cannot say whether it was posted"),
        (DiscordErrorKind.INVALID, "nothing was posted"),
    ],
)
async def test_what_discord_refuses_is_told_apart(
    autojump_clock: MockClock, kind: DiscordErrorKind, words: str
) -> None:
    texts, _ = await play(send("x"), form(title="x"), discord=Discord(failure=failure(kind)))
    assert len(texts) == 2
    assert all(words in text and "insides" not in text for text in texts)


async def test_a_form_is_opened_and_its_embed_posted(autojump_clock: MockClock) -> None:
    discord = Discord()
    posts = Posts(Desk(discord, guild_cache(channels=CHANNELS, mine=Permissions.EMBED_LINKS), FakeClock()))
    calls = FakeCalls()
    async with house(calls, commands=posts.commands(), modals=(posts.form,)) as found:
        embed = command("embed", {"channel": str(OPEN)}, resolved=opened(OPEN), roles=[ADMIN_ROLE])
        await found.submit(embed)
        modal = calls.first.body["data"]
        assert (calls.first.type, modal["custom_id"]) == (9, f"embed:create:{OPEN}")
        inputs = [row["component"] for row in modal["components"]]
        assert {field["custom_id"]: field["max_length"] for field in inputs} == {
            "title": 256,
            "description": 4000,
            "color": 7,
            "footer": 2048,
        }
        assert not any(field["required"] for field in inputs)
        fields = {"title": " Hello ", "description": "@everyone", "color": "ff", "footer": ""}
        await found.submit(submission(modal["custom_id"], fields, roles=[ADMIN_ROLE]))
    ((_, message),) = discord.posted
    assert message.embeds[0].to_json() == {"title": "Hello", "description": "@everyone", "color": 255}
    assert message.allowed_mentions.to_json()["parse"] == []


async def test_engagement_38_an_embed_that_is_too_long_is_not_sent(autojump_clock: MockClock) -> None:
    (text,), discord = await play(form(title="t" * 256, description="d" * 4000, footer="f" * 2048))
    assert text == "An embed has at most 6,000 characters in all; this one has 304 too many."
    assert not discord.posted


async def test_a_form_for_a_channel_of_another_guild_is_refused(autojump_clock: MockClock) -> None:
    other = submission(f"embed:create:{OPEN}", {"title": "x"}, user_id=OWNER, guild_id=GUILD + 1)
    (text,), discord = await play(other)
    assert "no such text or announcement channel" in text
    assert not discord.posted

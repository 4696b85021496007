"""``/badge``, ``/og`` and ``/engagement`` where something stands in the way."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.engagement.badge_commands import BadgeCommands, RoleGiver
from alphapy.actors.engagement.badges import Badges, GrantBadge, ReadBadges
from alphapy.actors.engagement.config_commands import ConfigCommands
from alphapy.actors.engagement.desk import Desk
from alphapy.actors.engagement.og_commands import OgCommands, Poster, Reacting
from alphapy.actors.engagement.og_messages import OgStatus, ReadOg, SetUpOg
from alphapy.actors.engagement.part import NOT_MINE
from alphapy.actors.kernel.bus import Answered, Reason, Unanswered
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings.messages import Changed, ChangeSetting, ConfigAudit, Rejected, Unchanged
from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.dispatcher import Dispatcher
from alphapy.gateway.events import ChannelCreate, GuildCreate, GuildDelete
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Channel, Overwrite, Permissions, Role
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.engagement.badges import Grant
from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId
from tests.actors.engagement.members_host import FakeHost, FakeSettings, snapshot
from tests.support.clock import START, FakeClock
from tests.support.interactions import CHANNEL, GUILD, USER, FakeCalls, Given, command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool

HERE, VOICE, HIDDEN = ChannelId(CHANNEL), ChannelId(201), ChannelId(202)
ME, OWNER, ALAN = UserId(2), UserId(1), UserId(30)
LOW, MINE, HIGH, BOTS = RoleId(11), RoleId(12), RoleId(13), RoleId(14)
ALL_ON: dict[str, Any] = {"badges_enabled": True, "og_enabled": True}
AWAY = Unanswered(Reason.TIMED_OUT)
MANAGER = Permissions.MANAGE_GUILD | Permissions.MANAGE_ROLES
_MINE = (
    Permissions.VIEW_CHANNEL
    | Permissions.SEND_MESSAGES
    | Permissions.ADD_REACTIONS
    | Permissions.READ_MESSAGE_HISTORY
    | Permissions.MANAGE_ROLES
)


def error(kind: DiscordErrorKind) -> DiscordError:
    return DiscordError(kind=kind, route="x", message="no")


@attrs.define
class FakeDiscord(RoleGiver, Poster, Reacting):
    """Notes what it is asked, and refuses what it is told to."""

    did: list[tuple[Any, ...]] = attrs.field(factory=list)
    refuses: dict[str, list[DiscordError]] = attrs.field(factory=dict)

    def _note(self, name: str, *more: Any) -> None:
        if self.refuses.get(name):
            raise self.refuses[name].pop(0)
        self.did.append((name, *more))

    @override
    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        self._note("give", user_id, role_id)

    @override
    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        self._note("post", channel_id, message.content)
        assert message.nonce is not None
        return MessageId(77)

    @override
    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str | None = None
    ) -> None:
        self._note("delete", channel_id, message_id)

    @override
    async def add_reaction(self, channel_id: ChannelId, message_id: MessageId, emoji: str) -> None:
        self._note("react", message_id, emoji)


@attrs.define
class FakeBus:
    """Answers as it is told to, by the type of what is asked."""

    answers: dict[type[Any], Any] = attrs.field(factory=dict)
    asked: list[Any] = attrs.field(factory=list)
    told: list[Any] = attrs.field(factory=list)

    def tell(self, address: Any, message: Any, **_: Any) -> None:
        self.told.append(message)

    async def ask(self, address: Any, request: Any, **_: Any) -> Any:
        self.asked.append(request)
        answer = self.answers.get(type(request), Answered(None))
        return answer(request) if callable(answer) else answer


class House:
    """The commands, and what stands behind them."""

    def __init__(self, **values: Any) -> None:
        self.values: dict[str, Any] = {**ALL_ON, **values}
        self.discord, self.bus, self.calls = FakeDiscord(), FakeBus(), FakeCalls()
        self.guilds = GuildCache(ME)
        self.appear()
        self.crashes: list[Any] = []
        self.bus.answers[ChangeSetting] = lambda _asked: Answered(Changed(snapshot(self.values), None))

    def appear(self, permissions: Permissions = _MINE) -> None:
        """Discord names the guild, in which the bot may do this."""
        roles = (
            Role(id=RoleId(GUILD), position=0),
            Role(id=LOW, name="low", position=1),
            Role(id=MINE, name="mine", position=2, permission_bits=int(permissions)),
            Role(id=HIGH, name="high", position=3),
            Role(id=BOTS, name="bots", position=1, managed=True),
        )
        hidden = Overwrite(id=int(MINE), deny=int(Permissions.SEND_MESSAGES | Permissions.ADD_REACTIONS))
        self.guilds.apply(
            GuildCreate(
                id=GuildId(GUILD),
                name="Guild",
                owner_id=OWNER,
                roles=roles,
                members=(Member(user=User(id=ME, username="bot", bot=True), roles=(MINE,)),),
                channels=(
                    Channel(id=HERE),
                    Channel(id=VOICE, type=2),
                    Channel(id=HIDDEN, permission_overwrites=(hidden,)),
                ),
            )
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        clock = FakeClock()
        desk = Desk(
            bus=PatientBus(self.bus, lambda: False),  # type: ignore[arg-type]
            settings=FakeSettings(self.values),
            guilds=self.guilds,
            clock=clock,
        )
        self.dispatcher = Dispatcher(
            commands=(
                BadgeCommands(desk, self.discord).group(),
                OgCommands(desk, self.discord, self.discord).group(),
                ConfigCommands(desk, self.bus).group(),  # type: ignore[arg-type]
            ),
            calls=self.calls,
            authority=RoleAuthority(
                is_owner=lambda _user: False, admin_role_ids=set(), owner_of_guild=lambda _guild: OWNER
            ),
            clock=clock,
            on_outcome=lambda _outcome: None,
            on_crash=self.crashes.append,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(self.dispatcher.run)
            yield self
            nursery.cancel_scope.cancel()
        assert self.crashes == []

    async def run(
        self,
        path: str,
        *,
        as_user: int = USER,
        here: int = CHANNEL,
        permissions: Permissions = MANAGER,
        roles: tuple[int, ...] = (int(HIGH),),
        **options: Any,
    ) -> str:
        """What the member reads in the end."""
        users = {str(user): {"id": str(user), "username": f"user_{user}"} for user in (int(ALAN), USER, 99)}
        resolved = {
            "users": users,
            "members": {str(int(ALAN)): {"roles": [], "nick": "*Alan*"}},
            "roles": {str(int(role)): {"id": str(int(role)), "name": "r"} for role in (LOW, HIGH, BOTS)},
            "channels": {
                str(int(found)): {"id": str(int(found)), "name": "c", "type": 0} for found in (HERE, HIDDEN)
            },
        }
        before = len(self.calls.said)
        interaction = command(
            path,
            options,
            resolved=resolved,
            user_id=as_user,
            permissions=int(permissions),
            roles=roles,
            channel_id=str(here),
        )
        ended = trio.Event()
        self.dispatcher.submit(interaction, trio.current_time(), ended.set)
        with trio.fail_after(30):
            await ended.wait()
        return "\n".join(text for said in self.calls.said[before:] if (text := _read(said.body)))


def _read(body: Any) -> str:
    data = body.to_json() if isinstance(body, OutgoingMessage) else body.get("data") or {}
    embeds = data.get("embeds", ())
    texts = [f"{embed.get('title', '')}\n{embed.get('description', '')}" for embed in embeds]
    return "\n".join([*([data["content"]] if data.get("content") else []), *texts])


ALAN_IS = Given(6, str(int(ALAN)))


# -- /badge


@pytest.mark.parametrize(
    ("kind", "said"),
    [(DiscordErrorKind.FORBIDDEN, "lack *Manage Roles*"), (DiscordErrorKind.SERVER, "try again later")],
)
async def test_a_badge_whose_role_is_refused_is_not_granted(kind: DiscordErrorKind, said: str) -> None:
    async with House(badge_role_winner=int(LOW)).open() as house:
        house.discord.refuses["give"] = [error(kind)]
        assert said in await house.run("badge give", member=ALAN_IS, badge_key="winner")
        assert house.bus.asked == []
        assert "has the badge `winner` now, and the role" in await house.run(
            "badge give", member=ALAN_IS, badge_key="winner"
        )
        assert house.bus.asked == [GrantBadge(ALAN, "winner")]


@pytest.mark.parametrize(
    ("role", "as_user", "permissions", "roles", "said"),
    [
        (HIGH, USER, MANAGER, (int(HIGH),), "below your own highest"),
        (LOW, USER, MANAGER, (), "below your own highest"),
        (HIGH, USER, MANAGER | Permissions.ADMINISTRATOR, (), "stands above my own"),
        (HIGH, int(OWNER), MANAGER, (), "stands above my own"),
        (BOTS, int(OWNER), MANAGER, (), "belongs to an integration"),
    ],
)
async def test_scenario_30_a_role_that_stands_too_high_is_not_given(
    role: RoleId, as_user: int, permissions: Permissions, roles: tuple[int, ...], said: str
) -> None:
    async with House(badge_role_winner=int(role)).open() as house:
        answer = await house.run(
            "badge give",
            as_user=as_user,
            permissions=permissions,
            roles=roles,
            member=ALAN_IS,
            badge_key="winner",
        )
        assert said in answer
        assert house.discord.did == []
        assert house.bus.asked == []


async def test_who_can_get_a_badge() -> None:
    async with House().open() as house:
        assert "is not a member" in await house.run("badge give", member=Given(6, "99"), badge_key="winner")
        house.bus.answers[GrantBadge] = AWAY
        assert "cannot be reached" in await house.run("badge give", member=ALAN_IS, badge_key="winner")
        house.values["badge_role_winner"] = int(LOW)
        house.guilds.apply(GuildDelete(id=GuildId(GUILD)))
        assert "Discord has not told me" in await house.run("badge give", member=ALAN_IS, badge_key="winner")


async def test_a_long_list_of_badges_is_cut_to_what_fits() -> None:
    async with House().open() as house:
        grants = tuple(Grant(f"{number:03}" + "x" * 29, 2, START) for number in range(200))
        house.bus.answers[ReadBadges] = Answered(grants)
        answer = await house.run("badge list", member=ALAN_IS)
        title, *rows = answer.split("\n")
        assert title == "🎖 \\*Alan\\*"
        assert rows[0] == "• `000" + "x" * 29 + "` ×2"
        assert rows[-1] == "…"
        assert len("\n".join(rows)) <= 4096
        assert "user\\_99" in await house.run("badge list", member=Given(6, "99"))


async def test_the_part_grants_and_reads(pool: Pool) -> None:
    part = Badges(FakeHost(pool))
    for _ in range(2):
        await part.handle(GrantBadge(ALAN, "winner"))
    found = await part.handle(ReadBadges(ALAN))
    assert isinstance(found, tuple)
    assert [(grant.key, grant.count) for grant in found] == [("winner", 2)]
    tx: Any = None
    event: Any = None
    assert await part.handle("something else") is NOT_MINE
    assert part.name == "badges"
    assert await part.read(tx) is None
    part.adopt(None)
    await part.prepare(())
    assert list(part.count(())) == []
    assert await part.on_event(event) is None
    await part.wake()
    assert [*await part.on_done(tx, event), *await part.on_undone(tx, event, "")] == []
    part.forget(ALAN)


# -- /og


async def test_an_og_message_is_posted_with_its_reaction_or_not_at_all() -> None:
    async with House(og_claim_text="Claim *it*").open() as house:
        house.discord.refuses["post"] = [error(DiscordErrorKind.FORBIDDEN)]
        assert "could not be posted" in await house.run("og setup")
        house.discord.refuses["react"] = [error(DiscordErrorKind.FORBIDDEN)]
        assert "could not be added" in await house.run("og setup")
        assert house.discord.did == [("post", HERE, "Claim *it*"), ("delete", HERE, 77)]
        assert house.bus.asked == []

        # Discord wants the other spelling; the setup cannot be stored, and the deletion fails, too.
        house.discord.did.clear()
        house.discord.refuses["react"] = [error(DiscordErrorKind.INVALID)]
        house.discord.refuses["delete"] = [error(DiscordErrorKind.SERVER)]
        house.bus.answers[SetUpOg] = AWAY
        assert "cannot be reached" in await house.run("og setup")
        assert house.discord.did == [("post", HERE, "Claim *it*"), ("react", 77, "⚜\ufe0f")]

        house.bus.answers[SetUpOg] = Answered(None)
        assert "OG claims are open" in await house.run("og setup", channel=Given(7, str(int(HERE))))
        assert house.bus.asked[-1] == SetUpOg(HERE, MessageId(77))


async def test_where_an_og_message_can_be_posted() -> None:
    async with House().open() as house:
        assert "text or announcement channel" in await house.run("og setup", here=int(VOICE))
        answer = await house.run("og setup", channel=Given(7, str(int(HIDDEN))))
        assert "*Send Messages*, *Add Reactions*" in answer
        assert house.discord.did == []


async def test_the_status_of_og_never_shows_fewer_than_no_places() -> None:
    async with House(og_cap=3).open() as house:
        house.bus.answers[ReadOg] = Answered(OgStatus(claimed=5, setup=None))
        assert "**5 of 3** places are taken; **0** left" in await house.run("og status")


# -- /engagement

ADMIN = MANAGER | Permissions.ADMINISTRATOR


async def test_what_a_setting_answers_when_it_cannot_be_saved() -> None:
    async with House().open() as house:
        house.bus.answers[ChangeSetting] = AWAY
        assert "was not saved" in await house.run("engagement set_og_cap", permissions=ADMIN, cap=5)
        house.bus.answers[ChangeSetting] = Answered(Rejected("one of at most 20 such settings"))
        answer = await house.run(
            "engagement set_badge_role", permissions=ADMIN, badge_key="x", role=Given(8, str(int(LOW)))
        )
        assert "It must be one of at most 20" in answer
        house.bus.answers[ChangeSetting] = Answered(Unchanged(snapshot({})))
        assert "5 members may claim" in await house.run("engagement set_og_cap", permissions=ADMIN, cap=5)
        assert house.bus.told == []
        assert "Only administrators" in await house.run("engagement set_og_cap", cap=5)


async def test_a_setting_that_cannot_work_yet_is_saved_with_a_warning() -> None:
    async with House().open() as house:
        house.appear(Permissions.VIEW_CHANNEL)
        answer = await house.run("engagement set_streaks_nicknames", permissions=ADMIN, enabled=True)
        assert "I lack *Manage Nicknames*" in answer
        answer = await house.run(
            "engagement set_challenge_winner_role", permissions=ADMIN, role=Given(8, str(int(HIGH)))
        )
        assert "I cannot give that role yet: I lack the permission *Manage Roles*." in answer
        assert "in no channel" in await house.run("engagement set_weekly_channel", permissions=ADMIN)
        audits = [told for told in house.bus.told if isinstance(told, ConfigAudit)]
        assert audits[0].title == "🎉 Engagement setting updated"
        assert audits[-1].title == "🎉 Engagement setting reset"
        assert audits[-1].description == (
            f"`engagement.weekly_award_channel_id` → back to its default\nBy <@{USER}>"
        )


async def test_lists_that_are_wrong_are_refused_whole() -> None:
    async with House().open() as house:
        for number in range(60):
            house.guilds.apply(ChannelCreate(id=ChannelId(1000 + number), guild_id=GuildId(GUILD)))
        many = ", ".join(str(1000 + number) for number in range(51))
        answer = await house.run("engagement set_food_channels", permissions=ADMIN, channel_ids=many)
        assert "at most 50" in answer
        for role, said in ((LOW, "Talker"), (BOTS, "cannot be given"), (RoleId(404), "does not exist")):
            awards = f'[{{"key": "talk", "label": "Talker", "filter": "non_food", "role_id": {int(role)}}}]'
            answer = await house.run("engagement set_weekly_awards", permissions=ADMIN, json_config=awards)
            assert said in answer
        assert len(house.bus.asked) == 1

"""Nicknames that show streaks: the last wish wins, nothing is tried in vain, and names are given back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.engagement import nicknames as module
from alphapy.actors.engagement.nickname_book import NicknameBook
from alphapy.actors.engagement.nicknames import MOST_WISHES, MemberList, Nicknames, Rename
from alphapy.actors.engagement.part import NOT_MINE
from alphapy.actors.kernel.actor import Unavailable
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.engagement.nicknames import Streak
from alphapy.pure.ids import GuildId, UserId
from tests.actors.engagement.members_host import (
    GUILD,
    HIGH,
    LOW,
    MEMBER,
    OWNER,
    FakeHost,
    FakeSettings,
    effect_of,
    post,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.pure.ids import RoleId
    from alphapy.storage.pool import Pool

ON: dict[str, Any] = {"streaks_enabled": True, "streaks_nicknames": True}


@attrs.define
class FakeMembers(MemberList):
    """A guild's members."""

    them: list[Member] = attrs.field(factory=list)
    failures: list[DiscordError] = attrs.field(factory=list)
    asked: list[int] = attrs.field(factory=list)

    @override
    async def members(self, guild_id: GuildId, *, after: int) -> Sequence[Member]:
        self.asked.append(after)
        if self.failures:
            raise self.failures.pop(0)
        return [member for member in self.them if member.user is not None and member.user.id > after][:1000]

    @override
    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        for member in self.them:
            if member.user is not None and member.user.id == user_id:
                return member
        raise DiscordError(kind=DiscordErrorKind.NOT_FOUND, route="x", message="no")


class Scene:
    """The nicknames of one guild, and what they are told by hand."""

    def __init__(self, pool: Pool | None = None, **values: Any) -> None:
        self.host = FakeHost(pool, **values)
        self.members = FakeMembers()
        self.book = NicknameBook(FakeSettings(self.host.values))
        self.nicknames = Nicknames(self.host, self.members, self.book)

    @property
    def wanted(self) -> list[tuple[int, str | None]]:
        """Who is to be called what, as recorded."""
        return [(draft.payload["user_id"], draft.payload["nick"]) for draft in self.host.drafts]

    async def say(self, nick: str | None, days: int, base: str = "Pixel", **more: Any) -> None:
        """A member writes, who has a streak of so many days."""
        self.nicknames.see(post(self.host.clock, nick, **more), days, base)
        await self.host.drain(self.nicknames)

    async def close(self, number: int = -1, *, refused: bool = False, late: bool = False) -> None:
        """An effect is closed."""
        effect = effect_of(self.host.drafts[number])
        if late:
            self.host.clock.jump_to(effect.deadline_at)
        tx: Any = None
        if refused or late:
            await self.nicknames.on_undone(tx, effect, "why")
        else:
            await self.nicknames.on_done(tx, effect)
        await self.host.drain(self.nicknames)


@pytest.fixture
async def scene() -> Scene:
    made = Scene(**ON)
    await made.nicknames.wake()
    return made


async def test_scenario_22_the_nickname_follows_the_streak(scene: Scene) -> None:
    wrote = post(scene.host.clock, "Pixel | 🐣 day 6")
    base = scene.nicknames.base(wrote, Streak(6, "Pixel"))
    assert base == "Pixel"
    scene.nicknames.see(wrote, 7, base)
    await scene.host.drain(scene.nicknames)
    (draft,) = scene.host.drafts
    assert draft.kind == "set_nickname"
    assert draft.payload == {
        "user_id": MEMBER,
        "nick": "Pixel | 🔥 week 1",
        "reason": "Activity streak",
        "about": {"part": "streaks", "back": "Pixel"},
    }


async def test_scenario_25_of_the_owner_no_change_is_tried(scene: Scene) -> None:
    await scene.say(None, 7, user_id=OWNER)
    assert scene.wanted == []
    assert scene.host.logged == []


async def test_what_changes_nothing_is_not_tried(scene: Scene) -> None:
    await scene.say("Pixel | 🔥 week 1", 8)
    await scene.say(None, 8, with_member=False)
    scene.host.values["streaks_nicknames"] = False
    await scene.say("Pixel", 8)
    assert scene.wanted == []


@pytest.mark.parametrize(("roles", "tried"), [((LOW,), True), ((HIGH,), False), ((), True)])
async def test_members_who_do_not_rank_below_the_bot_are_left_alone(
    scene: Scene, roles: tuple[RoleId, ...], tried: bool
) -> None:
    await scene.say(None, 1, roles=roles)
    assert bool(scene.wanted) is tried


async def test_the_last_wanted_state_wins_while_one_is_under_way(scene: Scene) -> None:
    await scene.say("Pixel", 6)
    for days in (7, 14, 21):
        await scene.say("Pixel", days)
    assert scene.wanted == [(MEMBER, "Pixel | 🐣 day 6")]
    await scene.close()
    assert scene.wanted[1:] == [(MEMBER, "Pixel | 🔥 week 3")]
    # What is under way is what is wished now: nothing follows.
    await scene.say("Pixel | 🐣 day 6", 22)
    await scene.close()
    assert len(scene.wanted) == 2


async def test_a_wish_that_has_come_true_by_itself_is_dropped(scene: Scene) -> None:
    await scene.say("Other", 1, user_id=UserId(99))
    await scene.say("Pixel", 7)
    assert scene.wanted == [(99, "Pixel | 🐣 day 1")]
    await scene.say("Pixel | 🔥 week 1", 7)
    await scene.close()
    assert len(scene.wanted) == 1


async def test_few_are_under_way_at_a_time_and_the_oldest_wish_gives_way(scene: Scene) -> None:
    clock = scene.host.clock
    for number in range(MOST_WISHES + 1):
        scene.nicknames.see(post(clock, user_id=UserId(100 + number)), 1, "Pixel")
    await scene.host.drain(scene.nicknames)
    assert [user_id for user_id, _ in scene.wanted] == [101, 102, 103, 104, 105]
    for number in range(4):
        await scene.close(number)
    assert len(scene.wanted) == 5
    await scene.close(4)
    assert [user_id for user_id, _ in scene.wanted[5:]] == [106, 107, 108, 109, 110]


async def test_a_member_whom_discord_refuses_is_not_tried_again_before_the_next_day(scene: Scene) -> None:
    await scene.say("Pixel", 1)
    await scene.close(refused=True)
    await scene.say("Pixel", 1)
    assert len(scene.wanted) == 1
    scene.host.clock.advance(timedelta(days=1))
    await scene.say("Pixel", 2)
    assert len(scene.wanted) == 2
    # Time that ran out is no refusal.
    await scene.close(late=True)
    await scene.say("Pixel", 2)
    assert len(scene.wanted) == 3


async def test_without_the_permission_nothing_is_tried_and_the_log_says_so_once_a_day(scene: Scene) -> None:
    scene.host.appear(Permissions.VIEW_CHANNEL)
    for _ in range(3):
        await scene.say("Pixel", 1)
    assert scene.wanted == []
    assert scene.host.logged == ["⚠️ Nicknames cannot show streaks"]
    scene.host.clock.advance(timedelta(days=1))
    await scene.say("Pixel", 1)
    assert len(scene.host.logged) == 2


async def test_a_change_that_cannot_be_recorded_is_wished_again(scene: Scene) -> None:
    scene.host.fails = Unavailable("the database is away")
    scene.nicknames.see(post(scene.host.clock, "Pixel"), 1, "Pixel")
    with pytest.raises(Unavailable):
        await scene.nicknames.handle(Rename())
    scene.host.fails = None
    await scene.nicknames.handle(Rename())
    assert len(scene.wanted) == 1


async def test_messages_of_others_are_not_its_own(scene: Scene) -> None:
    assert await scene.nicknames.handle("something else") is NOT_MINE


async def test_the_base_of_a_member_whose_names_are_not_known(scene: Scene) -> None:
    read_back = post(scene.host.clock, with_member=False, global_name="Pixel")
    assert scene.nicknames.base(read_back, Streak(3, "Stored")) == "Stored"
    assert scene.nicknames.base(read_back, None) == "Pixel"
    scene.host.values["streaks_nicknames"] = False
    assert scene.nicknames.base(read_back, None) == "pixel_01"
    assert scene.nicknames.base(post(scene.host.clock, "New"), Streak(3, "Stored")) == "Stored"


async def test_changes_under_way_are_found_after_a_restart(pool: Pool) -> None:
    before = Scene(**ON)
    await before.nicknames.wake()
    await before.say("Pixel", 6)
    await record(pool, before.host.clock, *before.host.drafts)

    after = Scene(pool, **ON)
    after.nicknames.adopt(await after.host.read(after.nicknames.read))
    await after.nicknames.wake()
    await after.say("Pixel", 7)
    assert after.wanted == []
    effect = effect_of(before.host.drafts[0])
    await after.nicknames.on_done(None, effect)  # type: ignore[arg-type]
    await after.host.drain(after.nicknames)
    assert after.wanted == [(MEMBER, "Pixel | 🔥 week 1")]


async def test_one_of_which_nothing_is_heard_does_not_hold_up_the_others_for_ever(scene: Scene) -> None:
    await scene.say("Pixel", 1)
    scene.host.clock.advance(module.TRY_FOR * 2 + timedelta(seconds=1))
    await scene.say("Pixel", 2)
    assert scene.wanted[1:] == [(MEMBER, "Pixel | 🐣 day 2")]


async def test_a_person_who_is_forgotten_is_not_renamed(scene: Scene) -> None:
    await scene.say("Other", 1, user_id=UserId(99))
    await scene.say("Pixel", 7)
    scene.nicknames.forget(MEMBER)
    await scene.close()
    assert len(scene.wanted) == 1


async def test_a_person_who_is_forgotten_gets_the_name_back(scene: Scene) -> None:
    scene.members.them = [member(20, "Pixel | 🔥 week 1"), member(21, "Pixel")]
    for user_id in (20, 21, 22):
        scene.nicknames.forget(UserId(user_id))
    await scene.host.run_tasks()
    await scene.host.drain(scene.nicknames)
    assert scene.wanted == [(20, "Pixel")]


# -- giving names back


def member(user_id: int, nick: str | None, *roles: RoleId, global_name: str | None = None) -> Member:
    user = User(id=UserId(user_id), username=f"user_{user_id}", global_name=global_name)
    return Member(user=user, nick=nick, roles=roles)


async def with_streaks(pool: Pool, **bases: str | None) -> None:
    async with pool.transaction("test") as tx:
        for name, base in bases.items():
            await tx.execute(
                "INSERT INTO engagement_streaks (guild_id, user_id, last_day, current_days, base_nickname)"
                " VALUES (%s, %s, '2026-01-05', 7, %s)",
                (GUILD, int(name.removeprefix("u")), base),
            )
        await tx.execute(
            "INSERT INTO bot_settings (guild_id, scope, key, value, value_type)"
            " VALUES (%s, 'engagement', 'streaks_nicknames', 'false', 'bool')",
            (GUILD,),
        )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds between two names that are given back, and until a failed question is asked again."""
    assert module.RESTORE_EVERY == 1.0
    for name in ("RESTORE_EVERY", "LOOK_AGAIN_AFTER"):
        monkeypatch.setattr(module, name, 0.02)
    return 0.02


async def test_scenario_24_members_get_their_names_back_one_in_a_second(pool: Pool, quick: float) -> None:
    await with_streaks(pool, u20="Pixel", u21="Everywhere", u22="High up", u23="B" * 32, u25="No suffix")
    scene = Scene(pool, streaks_enabled=True, streaks_nicknames=False)
    scene.members.them = [
        member(20, "Pixel | 🔥 week 1"),
        member(21, "Everywhere | 🔥 week 1", global_name="Everywhere"),
        member(22, "High up | 🔥 week 1", HIGH),
        member(23, "B" * 21 + " | 🔥 week 1"),
        member(24, "No streak | 🔥 week 1"),
        member(25, "No suffix"),
    ]
    await scene.nicknames.wake()
    await scene.host.run_tasks()
    await scene.host.drain(scene.nicknames)
    await scene.close()
    assert scene.wanted == [(20, "Pixel")]
    for _ in range(2):
        ((seconds, message),) = scene.host.context.later
        assert 0 < seconds <= quick
        scene.host.context.later.clear()
        await trio.sleep(seconds)
        await scene.nicknames.handle(message)
        await scene.close()
    assert scene.wanted == [(20, "Pixel"), (21, None), (23, "B" * 32)]
    assert scene.host.context.later == []
    # Once looked at, the guild is not looked at again until streaks are shown again.
    await scene.nicknames.wake()
    assert scene.host.context.tasks == []
    scene.host.values |= ON
    await scene.nicknames.wake()
    scene.host.values["streaks_nicknames"] = False
    await scene.nicknames.wake()
    assert len(scene.host.context.tasks) == 1


async def test_names_stay_where_it_is_switched_on_again(pool: Pool) -> None:
    await with_streaks(pool, u20="Pixel")
    scene = Scene(pool, streaks_enabled=True)
    scene.members.them = [member(20, "Pixel | 🔥 week 1")]
    await scene.nicknames.wake()
    scene.host.values |= ON
    await scene.nicknames.wake()
    await scene.host.run_tasks()
    await scene.host.drain(scene.nicknames)
    assert scene.wanted == []
    assert scene.members.asked == []


@pytest.mark.usefixtures("quick")
async def test_a_change_under_way_while_it_is_switched_off_is_taken_back(pool: Pool) -> None:
    scene = Scene(pool, **ON)
    await scene.nicknames.wake()
    await scene.say("Pixel", 7)
    await scene.say("Other", 7, "Other", user_id=UserId(99))
    scene.host.values["streaks_nicknames"] = False
    await scene.nicknames.wake()
    await scene.close()
    for seconds, message in scene.host.context.later:
        await trio.sleep(seconds)
        await scene.nicknames.handle(message)
    assert scene.wanted == [(MEMBER, "Pixel | 🔥 week 1"), (MEMBER, "Pixel")]


@pytest.mark.usefixtures("quick")
async def test_all_pages_are_looked_at_and_a_failure_that_passes_is_waited_out(pool: Pool) -> None:
    await with_streaks(pool, u5="Pixel")
    scene = Scene(pool, streaks_enabled=True)
    scene.members.them = [member(number, None) for number in range(10, 1510)]
    scene.members.failures = [DiscordError(kind=DiscordErrorKind.SERVER, route="x", message="no")]
    await scene.nicknames.wake()
    while scene.host.context.tasks:
        await scene.host.run_tasks()
        await scene.host.drain(scene.nicknames)
    assert scene.members.asked == [0, 0, 1009]
    assert not scene.book.is_to_look(GUILD)


async def test_members_that_may_not_be_listed_keep_their_names(pool: Pool) -> None:
    await with_streaks(pool, u5="Pixel")
    scene = Scene(pool, streaks_enabled=True)
    scene.members.failures = [DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="x", message="no")]
    await scene.nicknames.wake()
    await scene.host.run_tasks()
    await scene.host.drain(scene.nicknames)
    assert scene.wanted == []
    assert not scene.book.is_to_look(GUILD)


async def test_where_no_nickname_ever_showed_a_streak_nobody_is_looked_at(pool: Pool) -> None:
    scene = Scene(pool, streaks_enabled=True)
    await scene.nicknames.wake()
    assert scene.host.context.tasks == []
    assert not scene.book.is_to_look(GUILD)


async def test_guilds_are_named_until_they_were_looked_at(pool: Pool) -> None:
    await with_streaks(pool, u5="Pixel")
    values: dict[str, Any] = {"streaks_enabled": True}
    book = NicknameBook(FakeSettings(values))
    now = FakeHost().clock.now()
    async with pool.transaction("test") as tx:
        assert await book.due(tx, now) == ([GUILD], None)
        values["streaks_nicknames"] = True
        assert await book.due(tx, now) == ([], None)
        values["streaks_nicknames"] = False
        book.looked(GUILD)
        assert await book.due(tx, now) == ([], None)
        book.shows(GUILD)
        assert await book.due(tx, now) == ([GUILD], None)


def test_too_many_hopeless_members_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphapy.actors.engagement.nickname_book.MOST_HOPELESS", 2)
    book = NicknameBook(FakeSettings({}))
    today = FakeHost().clock.now().date()
    yesterday = today - timedelta(days=1)
    book.give_up(GUILD, UserId(1), yesterday)
    book.give_up(GUILD, UserId(2), today)
    book.give_up(GUILD, UserId(3), today)
    assert [book.is_hopeless(GUILD, UserId(number), today) for number in (1, 2, 3)] == [False, True, True]
    book.give_up(GUILD, UserId(4), today)
    assert [book.is_hopeless(GUILD, UserId(number), today) for number in (2, 3, 4)] == [False, False, True]

"""Who may run what, where, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.admission import Admission, Bounds, Place
from alphapy.gateway.commands import Access, Command, Cooldown, CooldownBy, Group, Option, OptionKind
from alphapy.gateway.components import ComponentRoute, ModalRoute
from alphapy.gateway.cooldowns import Cooldowns, Use
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.gateway.refusals import AccessDenied, BadOption, Refusal, Refused, spoken_duration
from tests.gateway.interactions.house import ADMIN_ROLE, GUILD_OWNER, OWNER, house
from tests.support.interactions import GUILD, USER, FakeCalls, command, press, submission

if TYPE_CHECKING:
    from trio.testing import MockClock

    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.interaction import Interaction


async def ok(invocation: Invocation) -> None:
    await invocation.reply(f"ok {invocation.access.name}")


def authority() -> RoleAuthority:
    return RoleAuthority(
        is_owner=lambda user_id: user_id == OWNER,
        admin_role_ids={ADMIN_ROLE},
        owner_of_guild=lambda guild_id: GUILD_OWNER if guild_id == GUILD else None,
    )


@pytest.mark.parametrize(
    ("interaction", "access"),
    [
        (command("do"), Access.EVERYONE),
        (command("do", permissions=~Permissions.ADMINISTRATOR & Permissions(2**40 - 1)), Access.EVERYONE),
        (command("do", permissions=Permissions.ADMINISTRATOR), Access.ADMIN),
        (command("do", roles=(1, 2)), Access.EVERYONE),
        (command("do", roles=(1, ADMIN_ROLE)), Access.ADMIN),
        (command("do", user_id=GUILD_OWNER), Access.ADMIN),
        (command("do", user_id=GUILD_OWNER, guild_id=GUILD + 1), Access.EVERYONE),
        (command("do", user_id=OWNER), Access.OWNER),
        (command("do", user_id=OWNER, guild_id=0), Access.OWNER),
        (command("do", user_id=GUILD_OWNER, guild_id=0), Access.EVERYONE),
        (command("do", guild_id=0), Access.EVERYONE),
    ],
)
def test_who_is_who(interaction: Interaction, access: Access) -> None:
    assert authority().access(interaction) is access


@pytest.mark.parametrize(
    ("needed", "who", "allowed"),
    [
        (Access.EVERYONE, USER, True),
        (Access.ADMIN, USER, False),
        (Access.ADMIN, GUILD_OWNER, True),
        (Access.ADMIN, OWNER, True),
        (Access.OWNER, GUILD_OWNER, False),
        (Access.OWNER, OWNER, True),
    ],
)
async def test_levels_hold_for_commands_components_and_modals(
    autojump_clock: MockClock, needed: Access, who: int, allowed: bool
) -> None:
    async with house(
        commands=[Command(name="do", description="Do.", handler=ok, access=needed)],
        components=[ComponentRoute(pattern="b", handler=ok, access=needed)],
        modals=[ModalRoute(pattern="m", handler=ok, access=needed)],
    ) as found:
        await found.submit(
            command("do", user_id=who), press("b", user_id=who), submission("m", {}, user_id=who)
        )
        texts = {said.text for said in found.calls.said}
        assert len(found.calls.said) == 3
        if allowed:
            assert {text.split()[0] for text in texts} == {"ok"}
        else:
            assert texts == {AccessDenied(needed).reply}
        assert all(said.ephemeral for said in found.calls.said)
        assert found.outcome.success is allowed
        assert found.outcome.error == (None if allowed else f"needs {needed.name.lower()}")


async def test_a_group_passes_its_rules_on(autojump_clock: MockClock) -> None:
    inner = Group(name="in", description="In.", children=(Command(name="do", description="Do.", handler=ok),))
    outer = Group(
        name="out",
        description="Out.",
        children=(inner,),
        access=Access.ADMIN,
        guild_only=True,
        gated_by="faq",
    )
    async with house(commands=[outer]) as found:
        await found.submit(command("out in do"))
        await found.submit(command("out in do", guild_id=0, user_id=OWNER))
        found.closed.add("faq")
        await found.submit(command("out in do", user_id=OWNER))
        assert [outcome.error for outcome in found.outcomes] == [
            "needs admin",
            "guild only",
            "module disabled: faq",
        ]
        assert {outcome.path for outcome in found.outcomes} == {"out in do"}
        found.closed.clear()
        await found.submit(command("out in do", user_id=OWNER))
        assert found.outcomes[-1].success


async def test_a_module_that_is_off_says_so_and_a_dm_has_no_modules(autojump_clock: MockClock) -> None:
    async with house(
        commands=[Command(name="do", description="Do.", handler=ok, gated_by="faq")],
        components=[ComponentRoute(pattern="b", handler=ok, gated_by="faq")],
    ) as found:
        found.closed.add("faq")
        await found.submit(command("do"))
        await found.submit(press("b"))
        assert len({said.text for said in found.calls.said}) == 1
        assert "`faq` is off in this server" in found.calls.first.text
        await found.submit(command("do", guild_id=0))
        assert found.outcomes[-1].success


async def test_what_nobody_knows_is_answered(autojump_clock: MockClock) -> None:
    async with house(commands=[Command(name="do", description="Do.", handler=ok)]) as found:
        await found.submit(command("gone", {"x": 1}))
        assert "does not exist any more" in found.calls.first.text
        assert (found.outcome.path, found.outcome.error) == ("unknown", "unknown command")
        await found.submit(press("nobody:knows"), submission("nobody:knows", {}))
        assert [said.text for said in found.calls.said[1:]] == [
            "This has expired. Please run the command again."
        ] * 2
        assert all(said.ephemeral for said in found.calls.said)


async def test_bad_options_are_named_and_the_handler_does_not_run(autojump_clock: MockClock) -> None:
    option = Option(kind=OptionKind.INTEGER, name="days", description="Days.", minimum=1, maximum=365)
    async with house(commands=[Command(name="do", description="D.", handler=ok, options=(option,))]) as found:
        await found.submit(command("do", {"days": 400}))
        assert found.calls.first.text == "The option `days` must be a number from 1 to 365."
        assert found.outcome.error == "bad option: days"


@pytest.mark.parametrize(
    "refusal",
    [
        Refused("No."),
        Refused(OutgoingMessage(embeds=(Embed(title="No."),)), "in an embed"),
        BadOption("`name`", "shorter"),
    ],
)
async def test_a_handlers_refusals_are_shown_to_the_member_alone(
    autojump_clock: MockClock, refusal: Refusal
) -> None:
    async def declining(_invocation: Invocation) -> None:
        raise refusal

    made = Command(name="do", description="Do.", handler=declining, ephemeral=False)
    async with house(commands=[made]) as found:
        await found.submit(command("do"))
        assert found.calls.first.ephemeral
        assert (found.outcome.success, found.outcome.error) == (False, str(refusal))
        assert found.crashes == []


async def test_only_the_one_it_is_for_may_press_and_only_in_time(autojump_clock: MockClock) -> None:
    route = ComponentRoute(
        pattern="cc:del:<choice:y|n>:<id:int>:<uid:id>:<exp:int>", handler=ok, only_for="uid", expires="exp"
    )
    async with house(components=[route]) as found:
        expiry = int(found.clock.now().timestamp()) + 30
        custom_id = route.custom_id(choice="y", id=5, uid=USER, exp=expiry)
        found.clock.advance(30)
        await found.submit(press(custom_id, clock=found.clock, user_id=OWNER))
        assert found.calls.said.pop().text == "Only the member who ran the command can use this."
        await found.submit(press(custom_id, clock=found.clock))
        assert found.calls.said.pop().text == "ok EVERYONE"
        found.clock.advance(timedelta(milliseconds=1))
        await found.submit(press(custom_id, clock=found.clock))
        expired = found.calls.said.pop()
        assert expired.type == 7
        assert expired.text == "This has expired. Please run the command again."
        assert expired.body["data"]["components"] == []


async def test_a_refused_use_does_not_count_and_a_use_is_given_back_once(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        invocation.release_cooldown()
        if invocation.user_id != OWNER:
            raise Refused("Not you.")
        await invocation.reply("ok")

    async def counted(invocation: Invocation) -> None:
        if invocation.user_id != OWNER:
            raise Refused("Not you.")
        await invocation.reply("ok")

    shared = Cooldown(per_seconds=60, by=CooldownBy.CHANNEL, bucket="list")
    async with house(
        commands=[
            Command(name="free", description="F.", handler=handler, cooldown=shared),
            Command(name="list", description="L.", handler=counted, cooldown=shared),
        ]
    ) as found:
        await found.submit(command("list"), command("free"))
        await found.submit(command("list", user_id=OWNER))
        assert found.calls.said[-1].text == "ok"
        await found.submit(command("free"))
        await found.submit(command("list", user_id=OWNER))
        assert found.outcomes[-1].error == "cooldown"


async def test_a_cooldown_tells_the_time_left_and_can_be_given_back(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        if invocation.options.boolean("blank", default=False):
            invocation.release_cooldown()
        await invocation.reply("ok")

    blank = Option(kind=OptionKind.BOOLEAN, name="blank", description="Blank.")
    made = Command(
        name="do", description="Do.", handler=handler, options=(blank,), cooldown=Cooldown(per_seconds=70)
    )
    async with house(commands=[made]) as found:
        await found.submit(command("do", {"blank": True}))
        await found.submit(command("do"))
        assert found.calls.said[-1].text == "ok"
        await found.submit(command("do"))
        assert found.calls.said[-1].text == "You can use this again in 1 minute and 10 seconds."
        assert found.outcomes[-1].error == "cooldown"
        await found.submit(command("do", user_id=USER + 1), command("do", guild_id=GUILD + 1))
        assert [said.text for said in found.calls.said[-2:]] == ["ok", "ok"]
        await trio.sleep(71)
        await found.submit(command("do"))
        assert found.calls.said[-1].text == "ok"


async def test_cooldowns_can_be_shared_and_conditional(autojump_clock: MockClock) -> None:
    public = Option(kind=OptionKind.BOOLEAN, name="public", description="For all.")
    shared = Cooldown(per_seconds=30, bucket="ticket")
    sometimes = Cooldown(
        per_seconds=60,
        by=CooldownBy.CHANNEL,
        when=lambda options: options.boolean("public", default=False),
    )
    async with house(
        commands=[
            Command(name="ticket", description="T.", handler=ok, cooldown=shared),
            Command(name="list", description="L.", handler=ok, options=(public,), cooldown=sometimes),
        ],
        components=[ComponentRoute(pattern="open", handler=ok, cooldown=shared)],
    ) as found:
        await found.submit(press("open"))
        await found.submit(command("ticket"))
        assert found.outcomes[-1].error == "cooldown"
        for options, error in (
            ({}, None),
            ({"public": True}, None),
            ({}, None),
            ({"public": True}, "cooldown"),
        ):
            await found.submit(command("list", options, user_id=USER + len(found.outcomes)))
            assert found.outcomes[-1].error == error


def test_windows_are_fixed_and_bounded() -> None:
    cooldowns = Cooldowns(most=3)
    twice = Cooldown(per_seconds=10, uses=2)
    here = command("do")
    first = cooldowns.take(twice, "a", here, 0.0)
    assert isinstance(first, Use)
    assert isinstance(cooldowns.take(twice, "a", here, 9.0), Use)
    assert cooldowns.take(twice, "a", here, 9.5) == pytest.approx(0.5)
    cooldowns.give_back(first)
    assert isinstance(cooldowns.take(twice, "a", here, 9.5), Use)
    assert isinstance(cooldowns.take(twice, "a", here, 10.0), Use)
    cooldowns.give_back(first)
    assert isinstance(cooldowns.take(twice, "a", here, 10.0), Use)
    assert cooldowns.take(twice, "a", here, 10.0) == 10.0
    for number in range(5):
        cooldowns.take(twice, f"b{number}", here, 11.0)
    assert len(cooldowns) == 3
    cooldowns.take(twice, "c", here, 100.0)
    assert len(cooldowns) == 1


@pytest.mark.parametrize(
    ("by", "one", "other", "shared"),
    [
        (CooldownBy.GUILD, command("do"), command("do", user_id=1), True),
        (CooldownBy.GUILD, command("do"), command("do", guild_id=1), False),
        (CooldownBy.GUILD, command("do", guild_id=0), command("do", guild_id=0, user_id=1), False),
        (CooldownBy.CHANNEL, command("do"), command("do", user_id=1), True),
        (CooldownBy.CHANNEL, command("do"), command("do", channel_id="5"), False),
        (CooldownBy.USER, command("do"), command("do", channel_id="5"), True),
        (CooldownBy.USER, command("do"), command("do", guild_id=0), False),
    ],
)
def test_who_shares_a_cooldown(by: CooldownBy, one: Interaction, other: Interaction, shared: bool) -> None:
    cooldowns = Cooldowns()
    cooldown = Cooldown(per_seconds=10, by=by)
    cooldowns.take(cooldown, "a", one, 0.0)
    assert isinstance(cooldowns.take(cooldown, "a", other, 0.0), Use) is not shared


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1 second"),
        (0.2, "1 second"),
        (1.5, "2 seconds"),
        (59.1, "1 minute"),
        (61, "1 minute and 1 second"),
        (120, "2 minutes"),
        (3725, "62 minutes and 5 seconds"),
    ],
)
def test_remaining_time_in_words(seconds: float, text: str) -> None:
    assert spoken_duration(seconds) == text


async def test_a_guild_at_its_bound_is_told_so_and_starves_nobody(autojump_clock: MockClock) -> None:
    async def slow(invocation: Invocation) -> None:
        await trio.sleep(5)
        await invocation.reply("ok")

    bounds = Bounds(running=10, per_guild=2, telling=1)
    async with house(bounds=bounds, commands=[Command(name="do", description="Do.", handler=slow)]) as found:
        await found.submit(*(command("do") for _ in range(4)), command("do", guild_id=GUILD + 1))
        errors = [outcome.error for outcome in found.outcomes]
        assert sorted(map(str, errors)) == ["None", "None", "None", "busy"]
        told = [said for said in found.calls.said if "Too much is going on" in said.text]
        assert len(told) == 1
        assert told[0].ephemeral
        statistics = found.dispatcher.statistics()
        assert (statistics.busy, statistics.dropped, statistics.received) == (1, 1, 5)
        await found.submit(command("do"))
        assert found.outcomes[-1].success


def test_admission_counts_everyone_out_again() -> None:
    admission = Admission(Bounds(running=4, per_guild=3, telling=1))
    places = [admission.enter(guild) for guild in (1, 1, 1, 1, 1, 2, 3)]
    assert places == [
        Place.RUN,
        Place.RUN,
        Place.RUN,
        Place.TELL,
        Place.NONE,
        Place.RUN,
        Place.NONE,
    ]
    assert admission.running == 4
    for guild, place in zip((1, 1, 1, 1, 1, 2, 3), places, strict=True):
        admission.leave(guild, place)
    assert admission.running == 0
    assert admission.enter(9, suggestion=True) is Place.RUN
    assert admission.enter(9, suggestion=True) is Place.NONE
    assert admission.enter(9) is Place.RUN


async def test_a_busy_refusal_that_cannot_be_sent_is_still_reported(autojump_clock: MockClock) -> None:
    made = Command(name="do", description="Do.", handler=ok)
    async with house(bounds=Bounds(running=0), commands=[made]) as found:
        found.dispatcher.submit(command("do"), trio.current_time() - 10)
    assert found.outcome.error == "busy"
    assert found.calls.said == []
    assert isinstance(found.calls, FakeCalls)

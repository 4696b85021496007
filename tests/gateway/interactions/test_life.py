"""One interaction's life, from its arrival to its outcome, on a clock that jumps."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.gateway.answer import AnswerMisuse, InteractionLost
from alphapy.gateway.commands import Command, Option, OptionKind
from alphapy.gateway.components import ComponentRoute, ModalRoute
from alphapy.gateway.models.component import Modal, TextInput
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.gateway.refusals import Refused
from alphapy.gateway.rest.errors import UNKNOWN_INTERACTION, UNKNOWN_MESSAGE, DiscordError, DiscordErrorKind
from tests.gateway.interactions.house import OWNER, house
from tests.support.clock import START
from tests.support.interactions import (
    GUILD,
    NO_ANSWER,
    USER,
    FakeCalls,
    command,
    press,
    refused,
    submission,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

    from alphapy.gateway.invocation import Invocation, Outcome

MODAL = Modal(custom_id="form", title="Form", inputs=(TextInput(custom_id="a", label="A"),))


def does(handler: Callable[[Invocation], Awaitable[None]], **more: object) -> Command:
    return Command(name="do", description="Do it.", handler=handler, **more)  # type: ignore[arg-type]


async def quick(invocation: Invocation) -> None:
    await invocation.reply("here")


def slowly(seconds: float, text: str = "here") -> Callable[[Invocation], Awaitable[None]]:
    async def handler(invocation: Invocation) -> None:
        await trio.sleep(seconds)
        await invocation.reply(text)

    return handler


async def test_a_quick_handler_answers_at_once_and_the_outcome_is_reported(autojump_clock: MockClock) -> None:
    async with house(commands=[does(quick)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond"]
        assert found.calls.first.body == {
            "type": 4,
            "data": {
                "content": "here",
                "flags": 64,
                "allowed_mentions": {"parse": [], "users": [], "roles": [], "replied_user": False},
            },
        }
        outcome = found.outcome
        assert (outcome.guild_id, outcome.user_id, outcome.path, outcome.kind) == (GUILD, USER, "do", "slash")
        assert (outcome.success, outcome.error, outcome.ended_at) == (True, None, START)


async def test_a_handler_sees_who_did_what_where(autojump_clock: MockClock) -> None:
    seen: list[Invocation] = []

    async def handler(invocation: Invocation) -> None:
        seen.append(invocation)
        await invocation.reply(f"guild {invocation.guild_id}")

    route = ComponentRoute(pattern="b", handler=handler)
    async with house(commands=[does(handler)], components=[route]) as found:
        await found.submit(command("do", user_id=OWNER, permissions=1 << 13))
        await found.submit(press("b"))
        await found.submit(command("do", guild_id=0))
        assert [said.text for said in found.calls.said] == [
            f"guild {GUILD}",
            f"guild {GUILD}",
            "This works in a server only.",
        ]
        assert found.outcomes[-1].error == "guild only"
    owner, presser, alone = seen
    assert (owner.is_owner, owner.is_admin, owner.in_guild, owner.path) == (True, True, True, "do")
    assert (owner.user.id, owner.user_id, owner.channel_id, owner.permissions) == (OWNER, OWNER, 200, 1 << 13)
    assert owner.member is not None
    assert owner.message is None
    assert (presser.is_owner, presser.is_admin, presser.path, presser.user_id) == (False, False, "b", USER)
    assert presser.message is not None
    assert presser.resolved.users == {}
    assert (alone.in_guild, alone.member, alone.trace_id) == (False, None, "cafe0123")


async def test_in_a_dm_the_outcome_has_guild_0(autojump_clock: MockClock) -> None:
    async with house(commands=[does(quick)]) as found:
        await found.submit(command("do", guild_id=0))
        assert found.outcome.guild_id == 0
        assert found.outcome.user_id == USER


async def test_a_slow_handler_is_deferred_after_1_5_seconds_and_its_reply_edits_the_promise(
    autojump_clock: MockClock,
) -> None:
    times: list[float] = []

    async def slow(invocation: Invocation) -> None:
        start = trio.current_time()
        await wait_until(lambda: bool(found.calls.said))
        times.append(trio.current_time() - start)
        await trio.sleep(60)
        await invocation.reply("at last")
        await invocation.reply("and more")

    async with house(commands=[does(slow)]) as found:
        await found.submit(command("do"))
        assert times[0] == pytest.approx(1.5, abs=0.03)
        assert found.calls.methods == ["respond", "edit_original", "follow_up"]
        assert found.calls.first.body == {"type": 5, "data": {"flags": 64}}
        assert [said.text for said in found.calls.said[1:]] == ["at last", "and more"]
        assert found.calls.said[2].ephemeral


async def test_time_spent_in_queues_counts_towards_the_deferral(autojump_clock: MockClock) -> None:
    async with house(commands=[does(slowly(0.6))]) as found:
        await found.submit(command("do"), late=1.0)
        assert found.calls.methods == ["respond", "edit_original"]


async def test_an_interaction_that_nobody_acknowledged_in_time_is_logged_only(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with house(commands=[does(quick)]) as found:
        await found.submit(command("do"), late=3.1)
        assert found.calls.said == []
        assert found.outcome.error == "expired: no answer within 3 s"
        assert found.dispatcher.statistics().lost == 1
        assert found.crashes == []
    assert "an interaction has expired" in caplog.text


async def test_an_unknown_interaction_ends_quietly(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["respond"] = [refused(UNKNOWN_INTERACTION)]
    async with house(calls, commands=[does(quick)]) as found:
        await found.submit(command("do"))
        assert found.outcome.success is False
        assert (found.outcome.error or "").startswith("expired: ")
        assert found.crashes == []


async def test_after_a_failed_deferral_the_reply_finds_the_interaction_lost(
    autojump_clock: MockClock,
) -> None:
    calls = FakeCalls()
    calls.failures["respond"] = [refused(UNKNOWN_INTERACTION)]
    async with house(calls, commands=[does(slowly(2))]) as found:
        await found.submit(command("do"))
        assert found.calls.said == []
        assert found.outcome.error == "expired: Discord has taken no answer before"


async def test_past_fifteen_minutes_nothing_is_sent_and_before_that_the_handler_is_stopped(
    autojump_clock: MockClock,
) -> None:
    async def endless(invocation: Invocation) -> None:
        await invocation.defer()
        await trio.sleep(3600)

    async with house(commands=[does(endless)]) as found:
        began = trio.current_time()
        await found.submit(command("do"), step=1)
        assert trio.current_time() - began == pytest.approx(870, abs=1)
        assert found.outcome.error is not None
        assert found.outcome.error.startswith("TooSlowError")
        assert "cafe0123" in found.calls.said[-1].text


async def test_a_token_that_is_too_old_is_not_used(autojump_clock: MockClock) -> None:
    kept: list[Invocation] = []

    async def handler(invocation: Invocation) -> None:
        kept.append(invocation)
        await invocation.reply("here")

    async with house(commands=[does(handler)]) as found:
        await found.submit(command("do"))
        await trio.sleep(901)
        with pytest.raises(InteractionLost, match="its token has expired"):
            await kept[0].follow_up("too late")
        assert len(found.calls.said) == 1


async def test_a_crash_before_an_answer_apologises_with_a_trace_id(autojump_clock: MockClock) -> None:
    async def broken(_invocation: Invocation) -> None:
        raise ZeroDivisionError("by\x00 zero " + "x" * 600)

    async with house(commands=[does(broken)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond"]
        assert "`cafe0123`" in found.calls.first.text
        assert "zero" not in found.calls.first.text
        assert found.calls.first.ephemeral
        assert found.outcome.error is not None
        assert found.outcome.error.startswith("ZeroDivisionError: by zero xxx")
        assert len(found.outcome.error) == 500
        (crash,) = found.crashes
        assert (crash.path, crash.trace_id, crash.error_type) == ("do", "cafe0123", "ZeroDivisionError")
        assert crash.guild_id == GUILD
        assert found.dispatcher.statistics().crashed == 1


async def test_an_outage_is_told_and_is_no_crash(autojump_clock: MockClock) -> None:
    class Away(Exception):
        pass

    async def meets(_invocation: Invocation) -> None:
        raise Away("gone")

    async with house(commands=[does(meets)], outages=(Away,)) as found:
        await found.submit(command("do"))
        assert "database does not answer" in found.calls.first.text
        assert found.outcome.error == "database away"
        assert found.crashes == []
        assert found.dispatcher.statistics().refused == 1


async def test_a_crash_after_an_answer_apologises_in_a_follow_up(autojump_clock: MockClock) -> None:
    async def broken(invocation: Invocation) -> None:
        await invocation.reply("here", ephemeral=False)
        raise ValueError("late")

    async with house(commands=[does(broken)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "follow_up"]
        assert not found.calls.said[0].ephemeral
        assert found.calls.said[1].ephemeral


async def test_a_crash_of_a_nursery_is_one_crash_and_spares_the_siblings(autojump_clock: MockClock) -> None:
    async def broken(_invocation: Invocation) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
            raise ValueError("inside")

    commands = [does(broken), Command(name="other", description="Other.", handler=slowly(2))]
    async with house(commands=commands) as found:
        await found.submit(command("do"), command("other"))
        assert sorted((outcome.path, outcome.success) for outcome in found.outcomes) == [
            ("do", False),
            ("other", True),
        ]


async def test_when_even_the_apology_fails_the_outcome_is_still_reported_once(
    autojump_clock: MockClock,
) -> None:
    calls = FakeCalls()
    server = DiscordError(kind=DiscordErrorKind.SERVER, route="test", message="500", status=500)
    calls.failures["respond"] = [server, server]

    async with house(calls, commands=[does(quick)]) as found:
        await found.submit(command("do"))
        assert found.calls.said == []
        assert (found.outcome.error or "").startswith("DiscordError")


async def test_an_answer_in_doubt_that_had_arrived_counts(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.arrives = True
    calls.failures["respond"] = [NO_ANSWER]
    async with house(calls, commands=[does(slowly(1.7))]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]
        assert found.calls.said[1].text == "here"
        assert found.outcome.success


async def test_an_answer_in_doubt_whose_time_has_passed_is_assumed_to_have_arrived(
    autojump_clock: MockClock,
) -> None:
    calls = FakeCalls()
    calls.arrives = True
    calls.failures["respond"] = [NO_ANSWER]
    async with house(calls, commands=[does(slowly(5))]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]


async def test_an_answer_in_doubt_that_was_lost_is_given_again(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["respond"] = [NO_ANSWER]
    async with house(calls, commands=[does(slowly(2))]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond"]
        assert found.calls.first.type == 4


async def test_a_slow_deferral_and_the_reply_do_not_cross(autojump_clock: MockClock) -> None:
    async with house(FakeCalls(slow=0.8), commands=[does(slowly(1.6))]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]


async def test_a_handler_without_an_answer_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    async def silent(_invocation: Invocation) -> None:
        await trio.lowlevel.checkpoint()

    async def deferring(invocation: Invocation) -> None:
        await invocation.defer()

    async def dismissing(invocation: Invocation) -> None:
        await invocation.dismiss()

    routes = [ComponentRoute(pattern="silent", handler=silent)]
    async with house(commands=[does(silent)], components=routes) as found:
        await found.submit(command("do"))
        assert (found.calls.first.type, found.calls.first.text) == (4, "Done.")
        assert found.outcome.success
        await found.submit(press("silent"))
        assert found.calls.said[1].type == 6
    async with house(commands=[does(deferring)]) as found:
        await found.submit(command("do"))
        assert [said.text for said in found.calls.said] == ["", "Done."]
    async with house(commands=[does(dismissing)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "delete_original"]


async def test_visibility_is_the_commands_unless_a_reply_says_otherwise(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        await invocation.reply("public")
        await invocation.reply("secret", ephemeral=True)
        await invocation.follow_up(OutgoingMessage(content="secret too", ephemeral=True), ephemeral=False)

    option = Option(kind=OptionKind.BOOLEAN, name="public", description="For all.")
    made = does(
        handler, options=(option,), ephemeral=lambda options: not options.boolean("public", default=False)
    )
    async with house(commands=[made]) as found:
        await found.submit(command("do", {"public": True}))
        assert [said.ephemeral for said in found.calls.said] == [False, True, True]
        found.calls.said.clear()
        await found.submit(command("do"))
        assert [said.ephemeral for said in found.calls.said] == [True, True, True]


async def test_a_reply_is_revised_in_its_place(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        await invocation.reply("begun")
        await invocation.revise("done")

    async def too_early(invocation: Invocation) -> None:
        await invocation.revise("nothing to revise")

    early = Command(name="early", description="Too early.", handler=too_early)
    async with house(commands=[does(handler), early]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]
        await found.submit(command("early"))
        assert [crash.error_type for crash in found.crashes] == ["AnswerMisuse"]


async def test_a_refusal_after_a_public_promise_is_for_the_member_alone(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        await invocation.defer(ephemeral=False)
        raise Refused("Not today.", "holiday")

    async with house(commands=[does(handler)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "delete_original", "follow_up"]
        assert found.calls.said[2].ephemeral
        assert (found.outcome.success, found.outcome.error) == (False, "holiday")
        assert found.crashes == []


async def test_a_modal_opens_as_the_first_answer(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        await trio.sleep(2)
        await invocation.modal(MODAL)

    async with house(commands=[does(handler, opens_modal=True)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond"]
        assert found.calls.first.body == {"type": 9, "data": MODAL.to_json()}
        assert found.outcome.success


async def test_a_modal_after_an_automatic_deferral_asks_the_member_to_try_again(
    autojump_clock: MockClock,
) -> None:
    async def handler(invocation: Invocation) -> None:
        await trio.sleep(2)
        await invocation.modal(MODAL)

    async with house(commands=[does(handler)]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]
        assert "try again" in found.calls.said[1].text
        assert found.outcome.error == "too late to open a form"


async def test_a_modal_after_ones_own_answer_is_a_programming_error(autojump_clock: MockClock) -> None:
    async def deferred(invocation: Invocation) -> None:
        await invocation.defer()
        await invocation.modal(MODAL)

    async def replied(invocation: Invocation) -> None:
        await trio.sleep(2)
        await invocation.reply("here")
        await invocation.modal(MODAL)

    for handler in (deferred, replied):
        async with house(commands=[does(handler)]) as found:
            await found.submit(command("do"))
            assert (found.outcome.error or "").startswith(
                "AnswerMisuse: a modal can be the first answer only"
            )


async def test_a_submitted_modal_gives_its_fields_and_cannot_open_another(autojump_clock: MockClock) -> None:
    seen: list[tuple[object, object]] = []

    async def handler(invocation: Invocation) -> None:
        seen.append((dict(invocation.fields), invocation.args))
        with pytest.raises(AnswerMisuse):
            await invocation.modal(MODAL)
        await invocation.reply("saved")

    routes = [ModalRoute(pattern="cc:edit:<id:int>:<rev:int>", handler=handler)]
    async with house(modals=routes) as found:
        for labels in (True, False):
            fields = {"trigger": "!hi", "response": "a\x00b"}
            await found.submit(submission("cc:edit:5:1700", fields, labels=labels))
        assert seen == [({"trigger": "!hi", "response": "ab"}, {"id": 5, "rev": 1700})] * 2
        assert [said.type for said in found.calls.said] == [4, 4]
        assert found.outcomes == []


async def test_a_slow_component_promises_an_update_and_replies_stay_apart(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        await trio.sleep(2)
        await invocation.reply("only for you")
        await invocation.update("new text")
        await invocation.update(OutgoingMessage(embeds=(Embed(title="newer"),)))

    async with house(components=[ComponentRoute(pattern="page:<n:int>", handler=handler)]) as found:
        await found.submit(press("page:3"))
        assert found.calls.methods == ["respond", "follow_up", "edit_original", "edit_original"]
        assert found.calls.first.body == {"type": 6}
        assert found.calls.said[1].ephemeral
        assert found.outcomes == []


async def test_an_update_removes_what_the_new_message_does_not_show(autojump_clock: MockClock) -> None:
    async def handler(invocation: Invocation) -> None:
        assert invocation.message is not None
        await invocation.update("deleted")

    async with house(components=[ComponentRoute(pattern="b", handler=handler)]) as found:
        await found.submit(press("b"))
        data = found.calls.first.body["data"]
        assert found.calls.first.type == 7
        assert (data["content"], data["embeds"], data["components"]) == ("deleted", [], [])


async def test_a_component_that_replies_promises_a_reply(autojump_clock: MockClock) -> None:
    route = ComponentRoute(pattern="b", handler=slowly(2), updates=False)
    async with house(components=[route]) as found:
        await found.submit(press("b"))
        assert found.calls.first.body == {"type": 5, "data": {"flags": 64}}
        assert found.calls.methods == ["respond", "edit_original"]


async def test_updates_that_cannot_be_are_programming_errors(autojump_clock: MockClock) -> None:
    async def updating(invocation: Invocation) -> None:
        await invocation.update("new")

    async def replied(invocation: Invocation) -> None:
        await invocation.reply("a")
        await invocation.update("new")

    routes = [
        ComponentRoute(pattern="never", handler=updating, updates=False),
        ComponentRoute(pattern="late", handler=replied),
    ]
    async with house(commands=[does(updating)], components=routes) as found:
        await found.submit(command("do"))
        await found.submit(press("never"))
        await found.submit(press("late"))
        assert [crash.error_type for crash in found.crashes] == ["AnswerMisuse"] * 3
        assert [crash.path for crash in found.crashes] == ["do", "never", "late"]


async def test_a_select_gives_its_values(autojump_clock: MockClock) -> None:
    seen: list[tuple[str, ...]] = []

    async def handler(invocation: Invocation) -> None:
        seen.append(invocation.values)
        await invocation.update("chosen")

    async with house(components=[ComponentRoute(pattern="pick", handler=handler)]) as found:
        await found.submit(press("pick", ["a", "b"]))
    assert seen == [("a", "b")]


async def test_a_message_that_was_deleted_meanwhile_is_no_error(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["edit_original"] = [refused(UNKNOWN_MESSAGE)]
    async with house(calls, commands=[does(slowly(2))]) as found:
        await found.submit(command("do"))
        assert found.outcome.success


async def test_a_token_that_discord_has_forgotten_ends_the_answer(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["edit_original"] = [refused(10015)]
    async with house(calls, commands=[does(slowly(2))]) as found:
        await found.submit(command("do"))
        assert (found.outcome.error or "").startswith("expired: ")


async def test_another_failure_of_an_edit_is_a_crash(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["edit_original"] = [refused(50035, DiscordErrorKind.INVALID)]
    async with house(calls, commands=[does(slowly(2))]) as found:
        await found.submit(command("do"))
        assert found.calls.methods == ["respond", "edit_original"]
        assert "cafe0123" in found.calls.said[1].text


async def test_a_replayed_interaction_that_was_answered_before_does_not_run_again(
    autojump_clock: MockClock,
) -> None:
    ran: list[str] = []

    async def handler(invocation: Invocation) -> None:
        ran.append(invocation.path)
        await invocation.reply("here")

    async with house(
        commands=[does(handler)], components=[ComponentRoute(pattern="b", handler=handler)]
    ) as found:
        replayed = command("do", clock=found.clock)
        pressed = press("b", clock=found.clock)
        found.clock.advance(timedelta(seconds=60))
        found.calls.acknowledge(replayed)
        found.calls.acknowledge(pressed)
        await found.submit(replayed, pressed)
        assert ran == []
        assert found.calls.said == []
        assert (found.outcome.error or "").startswith("expired: ")


async def test_a_replayed_interaction_that_nobody_answered_runs_after_its_acknowledgement(
    autojump_clock: MockClock,
) -> None:
    async with house(commands=[does(quick)]) as found:
        replayed = command("do", clock=found.clock)
        found.clock.advance(2.5)
        await found.submit(replayed)
        assert found.calls.methods == ["respond", "edit_original"]
        assert found.outcome.success


async def test_the_same_interaction_twice_runs_once(autojump_clock: MockClock) -> None:
    async with house(commands=[does(quick)]) as found:
        twice = command("do")
        await found.submit(twice, twice)
        await found.submit(twice)
        assert len(found.calls.said) == 1
        assert found.dispatcher.statistics().duplicates == 2


async def test_stopping_waits_for_what_runs_and_then_cancels_it(autojump_clock: MockClock) -> None:
    async with house(commands=[does(slowly(5))]) as found:
        found.dispatcher.submit(command("do"), trio.current_time())
        await trio.testing.wait_all_tasks_blocked()
        await found.dispatcher.stop(within=10)
        assert found.outcome.success
        found.dispatcher.submit(command("do"), trio.current_time())
        assert found.dispatcher.statistics().dropped == 1
        await found.dispatcher.stop(within=1)
    async with house(commands=[does(slowly(500))]) as found:
        found.dispatcher.submit(command("do"), trio.current_time())
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await found.dispatcher.stop(within=10)
        assert trio.current_time() - began == pytest.approx(10)
        assert (found.outcome.success, found.outcome.error) == (False, "the service stopped")


async def test_a_fault_of_the_framework_costs_one_interaction_only(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(outcome: Outcome) -> None:
        if outcome.path == "do":
            raise RuntimeError("no room")
        reported.append(outcome)

    reported: list[Outcome] = []
    other = Command(name="other", description="Other.", handler=quick)
    async with house(commands=[does(quick), other], on_outcome=failing) as found:
        await found.submit(command("do"), command("other"))
        assert [outcome.path for outcome in reported] == ["other"]
    assert "the framework failed to serve an interaction" in caplog.text

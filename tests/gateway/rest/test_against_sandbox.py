"""The REST client against the sandbox: a second opinion, by a limiter that shares no code with ours."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
import trio.testing

from alphapy.environment import Secret
from alphapy.gateway.models.outgoing import AllowedMentions, File, OutgoingMessage
from alphapy.gateway.rest.calls import DiscordCalls
from alphapy.gateway.rest.client import Patience, RestClient
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority
from alphapy.pure.ids import ApplicationId, ChannelId, GuildId, InteractionId, MessageId
from alphapy.sandbox.faults import RestFault
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import Running
from tests.sandbox.clients import running as sandbox_running
from tests.support.bot import contract_violations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CREATE = "POST /channels/{channel_id}/messages"
ROOMY = Tuning(buckets={CREATE: (1000, 1.0)})
HELLO = OutgoingMessage(content="hello")


@attrs.frozen
class Line:
    """A client, and the sandbox that answers it."""

    here: Running
    client: RestClient
    calls: DiscordCalls

    def channel(self, name: str = "general") -> ChannelId:
        return ChannelId(self.here.channel(name))

    def contents(self, name: str = "general") -> list[str]:
        person = self.here.person("ada")
        return [message["content"] for message in person.visible_messages(self.here.channel(name))]

    def statuses(self, route: str = CREATE) -> list[int]:
        return [record.status for record in self.here.sandbox.requests.of(route)]


@asynccontextmanager
async def connected(tuning: Tuning = ROOMY, limiter: Limiter | None = None) -> AsyncIterator[Line]:
    patience = Patience(operation=2.0, first_pause=0.02, longest_pause=0.05)
    async with sandbox_running(tuning) as here:
        token, base = Secret(here.demo.token), here.sandbox.api_base
        async with RestClient(token, base, patience=patience, limiter=limiter) as client:
            yield Line(here, client, DiscordCalls(client))
        assert contract_violations(here.sandbox) == []


async def test_a_flood_is_sent_without_a_single_429() -> None:
    """Buckets by channel, and a global limit that is smaller than what the buckets allow together."""
    tuning = Tuning(buckets={CREATE: (4, 0.4)}, global_limit=9, global_window=0.5)
    limiter = Limiter(Bounds(global_limit=9, global_seconds=0.5))
    async with connected(tuning, limiter) as line:
        names = ("general", "support", "introductions")
        async with trio.open_nursery() as nursery:
            for number in range(12):
                for name in names:
                    message = OutgoingMessage(content=f"{name} {number}")
                    nursery.start_soon(line.calls.create_message, line.channel(name), message)
        assert line.statuses() == [200] * 36
        for name in names:
            assert sorted(line.contents(name)) == sorted(f"{name} {number}" for number in range(12))
        assert dict(line.client.statistics().rate_limited) == {}


@pytest.mark.parametrize(
    ("fault", "scope"),
    [
        (RestFault.USER_LIMIT, "user"),
        (RestFault.SHARED_LIMIT, "shared"),
        (RestFault.GLOBAL_LIMIT, "global"),
        (RestFault.EDGE_LIMIT, "edge"),
    ],
)
async def test_a_429_of_any_kind_is_sat_out(fault: RestFault, scope: str) -> None:
    async with connected() as line:
        line.here.sandbox.faults.arm_rest(fault, route=CREATE, seconds=0.3)
        started = trio.current_time()
        await line.calls.create_message(line.channel(), HELLO)
        assert trio.current_time() - started >= 0.3
        assert line.statuses() == [429, 200]
        assert dict(line.client.statistics().rate_limited) == {scope: 1}
        assert line.contents() == ["hello"]


@pytest.mark.parametrize("fault", [RestFault.SERVER_ERROR, RestFault.LOST_ANSWER])
async def test_a_message_with_a_nonce_is_there_once_whatever_became_of_the_answer(fault: RestFault) -> None:
    async with connected() as line:
        line.here.sandbox.faults.arm_rest(fault, route=CREATE, times=2, status=502)
        message = OutgoingMessage(content="once", nonce="n-1")
        await line.calls.create_message(line.channel(), message)
        assert line.statuses() == [502, 502, 200]
        assert line.contents() == ["once"]


async def test_a_message_without_a_nonce_is_not_repeated_when_in_doubt() -> None:
    async with connected() as line:
        line.here.sandbox.faults.arm_rest(RestFault.LOST_ANSWER, route=CREATE, status=502)
        with pytest.raises(DiscordError) as caught:
            await line.calls.create_message(line.channel(), HELLO)
        assert caught.value.kind is DiscordErrorKind.SERVER
        assert line.contents() == ["hello"]


async def test_the_same_nonce_gives_the_same_message() -> None:
    async with connected() as line:
        message = OutgoingMessage(content="once", nonce="n-2")
        first = await line.calls.create_message(line.channel(), message)
        assert await line.calls.create_message(line.channel(), message) == first
        assert line.contents() == ["once"]


async def test_a_reason_reaches_the_audit_log_in_any_script() -> None:
    async with connected() as line:
        said = line.here.person("alan").say(line.here.channel(), "spam")
        reason = "Überflüssig, 不要 — ☕\nand a line"
        await line.calls.delete_message(line.channel(), MessageId(int(said["id"])), reason=reason)
        entry = line.here.demo.world.guilds.get(line.here.demo.guild_id).audit_log[-1]
        assert entry["reason"] == "Überflüssig, 不要 — ☕ and a line"
        assert line.contents() == []


async def test_files_arrive_as_they_are() -> None:
    async with connected() as line:
        data = bytes(range(256)) * 40
        message = OutgoingMessage(
            content="two files",
            files=(
                File(name="all bytes.bin", content=data, description="every byte"),
                File(name="note.txt", content="naïve".encode(), content_type="text/plain"),
            ),
        )
        await line.calls.create_message(line.channel(), message)
        (found,) = line.here.person("ada").visible_messages(line.here.channel())
        names = [(file["filename"], file["size"]) for file in found["attachments"]]
        assert names == [("all_bytes.bin", len(data)), ("note.txt", 6)]
        assert found["attachments"][0]["description"] == "every byte"
        assert (await line.here.rest.get(found["attachments"][0]["url"])).content == data


async def test_nobody_is_pinged_who_was_not_named() -> None:
    async with connected() as line:
        ada, alan = line.here.person("ada"), line.here.person("alan")
        text = f"@everyone <@{ada.id}> <@{alan.id}>"
        mentions = AllowedMentions.users([alan.id])
        await line.calls.create_message(
            line.channel(), OutgoingMessage(content=text, allowed_mentions=mentions)
        )
        (found,) = ada.visible_messages(line.here.channel())
        assert [user["id"] for user in found["mentions"]] == [str(alan.id)]
        assert found["mention_everyone"] is False


async def test_an_interaction_is_answered_while_the_global_limit_is_spent() -> None:
    tuning = attrs.evolve(ROOMY, global_limit=3, global_window=5.0)
    async with connected(tuning, Limiter(Bounds(global_limit=3, global_seconds=5.0))) as line:
        world, application = line.here.demo.world, line.here.demo.application_id
        ping: dict[str, Any] = {"name": "ping", "description": "Answers", "type": 1}
        world.commands.overwrite((application, None), [ping])
        for _ in range(3):
            await line.calls.create_message(line.channel(), HELLO)
        view = line.here.person("ada").slash(line.here.channel(), "/ping")
        token = world.interactions.known[view.id].token
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.calls.create_message, line.channel(), HELLO)  # has to wait for seconds
            with trio.fail_after(2):
                answer = {"type": 4, "data": OutgoingMessage(content="pong").to_json()}
                await line.calls.respond(InteractionId(view.id), token, answer)
                await line.calls.follow_up(ApplicationId(application), token, OutgoingMessage(content="too"))
            assert line.contents()[-2:] == ["pong", "too"]
            assert line.client.statistics().limiter.waiting[Priority.OTHER] == 1
            nursery.cancel_scope.cancel()


async def test_moderation_goes_before_the_rest() -> None:
    tuning = attrs.evolve(ROOMY, global_limit=2, global_window=0.4)
    async with connected(tuning, Limiter(Bounds(global_limit=2, global_seconds=0.4))) as line:
        said = line.here.person("alan").say(line.here.channel(), "spam")
        await line.calls.create_message(line.channel(), HELLO)
        await line.calls.create_message(line.channel(), HELLO)
        order: list[str] = []

        async def create() -> None:
            await line.calls.create_message(line.channel(), HELLO)
            order.append("message")

        async def moderate() -> None:
            await line.calls.delete_message(
                line.channel(), MessageId(int(said["id"])), priority=Priority.MODERATION
            )
            order.append("moderation")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(create)
            nursery.start_soon(create)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(moderate)
        assert order.index("moderation") < 2
        assert order.count("message") == 3


async def test_what_discord_refuses_is_told_with_its_code() -> None:
    async with connected() as line:
        with pytest.raises(DiscordError) as unknown:
            await line.calls.create_message(ChannelId(5), HELLO)
        assert (unknown.value.kind, unknown.value.code) == (DiscordErrorKind.NOT_FOUND, 10003)
        await line.calls.delete_message(line.channel(), MessageId(5))  # gone already: as good as deleted
        with pytest.raises(DiscordError) as foreign:
            await line.calls.put_guild_commands(ApplicationId(5), GuildId(line.here.demo.guild_id), [])
        assert foreign.value.kind in {DiscordErrorKind.FORBIDDEN, DiscordErrorKind.NOT_FOUND}
        assert line.client.statistics().limiter.invalid <= 1


async def test_an_answer_without_headers_may_have_been_counted() -> None:
    """A 502 tells nothing of the bucket: the request is held to be in it, here as a window's last one."""
    tuning = Tuning(buckets={CREATE: (3, 0.6)})
    async with connected(tuning) as line:
        await line.calls.create_message(line.channel(), HELLO)
        line.here.sandbox.faults.arm_rest(RestFault.LOST_ANSWER, route=CREATE, after=1, status=502)
        for number in range(5):
            await line.calls.create_message(line.channel(), OutgoingMessage(content="x", nonce=f"n{number}"))
        assert 429 not in line.statuses()
        assert line.contents() == ["hello"] + ["x"] * 5

"""The gateway over real sockets: log in, compression, intents, heartbeats, close codes, bots and shards."""

from __future__ import annotations

import json

import pytest
import trio
from trio_websocket import ConnectionClosed

from alphapy.sandbox.demo import add_idle_guilds, demo_world
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import ALL_INTENTS, NO_CONTENT, Gateway, Running, gateway, running


@pytest.mark.parametrize("compress", [None, "zlib-stream", "zstd-stream"])
async def test_a_client_logs_in_and_hears_what_is_said(compress: str | None) -> None:
    async with running() as here, gateway(here, compress) as bot:
        ready = await bot.login()
        assert ready["v"] == 10
        assert ready["user"]["id"] == ready["application"]["id"] == str(here.demo.application_id)
        assert ready["guilds"] == [{"id": str(here.demo.guild_id), "unavailable": True}]
        assert ready["resume_gateway_url"] == here.sandbox.gateway_url
        guild = await bot.until("GUILD_CREATE")
        assert guild["name"] == "Lighthouse"
        assert guild["member_count"] == 6
        assert {c["name"] for c in guild["channels"]} == set(here.demo.channels)
        here.person("alan").say(here.channel(), "Hello out there, ünïcode 🎈")
        message = await bot.until("MESSAGE_CREATE")
        assert message["content"] == "Hello out there, ünïcode 🎈"
        assert message["guild_id"] == str(here.demo.guild_id)
        assert message["member"]["roles"] == []
        assert bot.seq == 3


async def test_dispatches_are_filtered_by_intents() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login(intents=1 << 9)
        person = here.person("ada")
        message = person.say(here.channel(), "secret")
        person.react(here.channel(), int(message["id"]), "👍")
        person.type(here.channel())
        person.say(here.channel(), f"<@{here.demo.application_id}> look")
        first = await bot.until("MESSAGE_CREATE")
        second = await bot.until("MESSAGE_CREATE")
        assert bot.names() == ["READY", "MESSAGE_CREATE", "MESSAGE_CREATE"]
        assert first["content"] == ""
        assert second["content"].endswith("look")


async def test_content_is_hidden_without_its_intent_but_not_from_direct_messages() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login(intents=NO_CONTENT)
        person = here.person("alan")
        person.say(here.channel(), "in public")
        assert (await bot.until("MESSAGE_CREATE"))["content"] == ""
        person.say(person.direct(here.demo.application_id), "in private")
        direct = await bot.until("MESSAGE_CREATE")
        assert direct["content"] == "in private"
        assert "guild_id" not in direct


async def test_a_channel_that_the_bot_cannot_see_is_silent() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        owner, channel = here.demo.owner_id, here.channel("support")
        here.demo.world.channels.set_overwrite(
            owner, channel, here.demo.application_id, {"type": 1, "deny": str(1 << 10)}
        )
        here.person("ada").say(channel, "unheard")
        here.person("ada").say(here.channel(), "heard")
        assert (await bot.until("MESSAGE_CREATE"))["content"] == "heard"


async def test_every_heartbeat_is_acknowledged_before_and_after_identify() -> None:
    async with running() as here, gateway(here) as bot:
        hello = await bot.until_op(10)
        assert hello["d"]["heartbeat_interval"] == 41250
        await bot.send(1, None)
        assert (await bot.receive())["op"] == 11
        await bot.identify()
        await bot.until("READY")
        await bot.send(1, bot.seq)
        await bot.until_op(11)


async def test_a_client_that_sends_no_heartbeat_is_closed() -> None:
    async with running(Tuning(heartbeat_interval=0.05)) as here, gateway(here) as bot:
        await bot.login()
        assert (await bot.closed())[0] == 4009


async def _closed_by(bot: Gateway, op: int, data: object) -> int:
    await bot.until_op(10)
    await bot.send(op, data)
    return (await bot.closed())[0]


PROPERTIES = {"os": "linux", "browser": "test", "device": "test"}


def _identify(**fields: object) -> dict[str, object]:
    return {"token": "sandbox-bot-token", "intents": 1, "properties": PROPERTIES, **fields}


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, _identify(token="wrong"), 4004),
        (2, "no object", 4002),
        (2, _identify(shard=[2, 2]), 4010),
        (2, _identify(shard="0/1"), 4010),
        (2, _identify(intents=1 << 40), 4013),
        (2, _identify(intents=None), 4013),
        (3, {}, 4003),
        (8, {}, 4003),
        (77, {}, 4001),
        (6, {"token": "wrong", "session_id": "x", "seq": 1}, 4004),
        (6, {"token": "sandbox-bot-token", "session_id": "x"}, 4002),
    ],
)
async def test_documented_close_codes(op: int, data: object, code: int) -> None:
    async with running() as here, gateway(here) as bot:
        assert await _closed_by(bot, op, data) == code


@pytest.mark.parametrize("raw", ["{", "[]", b"\xff\xfe", '{"op":1,"d":"' + "x" * 5000 + '"}'])
async def test_what_cannot_be_decoded_closes_with_4002(raw: str | bytes) -> None:
    async with running() as here, gateway(here) as bot:
        await bot.until_op(10)
        await bot.socket.send_message(raw)
        assert (await bot.closed())[0] == 4002


@pytest.mark.parametrize(
    ("query", "code"),
    [("/?v=7", 4012), ("/?v=10&encoding=etf", 4002), ("/?v=10&compress=lz4", 4002)],
)
async def test_a_connection_that_asks_for_what_is_not_served_is_closed(query: str, code: int) -> None:
    async with running() as here, gateway(here, query=query) as bot:
        assert (await bot.closed())[0] == code


@pytest.mark.parametrize("query", ["/", "/?v=10", "/?encoding=json&v=10", "/?v=9&encoding=json"])
async def test_the_forms_of_the_address_that_clients_use(query: str) -> None:
    async with running() as here, gateway(here, query=query) as bot:
        assert (await bot.receive())["op"] == 10


async def test_disallowed_intents_close_with_4014() -> None:
    async with running() as here, gateway(here) as bot:
        here.demo.world.applications.get(here.demo.application_id).allowed_intents = 0
        await bot.until_op(10)
        await bot.identify(intents=1 << 15)
        assert (await bot.closed())[0] == 4014


async def test_identifying_twice_closes_with_4005() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.identify()
        assert (await bot.closed())[0] == 4005


async def test_too_many_payloads_close_with_4008() -> None:
    async with running(Tuning(sends_per_window=5)) as here, gateway(here) as bot:
        await bot.login()
        for _ in range(6):
            await bot.send(1, 1)
        assert (await bot.closed())[0] == 4008


async def test_sharding_is_asked_for_beyond_the_guilds_of_a_shard() -> None:
    demo = demo_world(Tuning(guilds_per_shard=10))
    add_idle_guilds(demo, 15)
    async with running(demo=demo) as here:
        async with gateway(here) as bot:
            await bot.until_op(10)
            await bot.identify()
            assert (await bot.closed())[0] == 4011
        async with gateway(here) as bot:
            await bot.login(shard=[0, 2])


async def test_identifies_are_admitted_one_per_window_and_bucket() -> None:
    async with running(Tuning(identify_window=60, max_concurrency=2)) as here:
        for shard in ([0, 4], [1, 4]):
            async with gateway(here) as bot:
                await bot.login(shard=shard)
        async with gateway(here) as bot:
            await bot.until_op(10)
            await bot.identify(shard=[2, 4])
            assert (await bot.until_op(9))["d"] is False


async def test_the_allowance_of_identifies_is_shown_and_enforced() -> None:
    async with running(Tuning(identify_window=0, session_starts=2)) as here:
        for remaining in (2, 1):
            shown = (await here.rest.get("/gateway/bot")).json()["session_start_limit"]
            assert (shown["total"], shown["remaining"], shown["max_concurrency"]) == (2, remaining, 1)
            async with gateway(here) as bot:
                await bot.login()
        async with gateway(here) as bot:
            await bot.until_op(10)
            await bot.identify()
            assert (await bot.until_op(9))["d"] is False


async def test_guilds_are_spread_over_shards_and_direct_messages_go_to_the_first() -> None:
    demo = demo_world(Tuning.quick())
    add_idle_guilds(demo, 9)
    async with running(demo=demo) as here, gateway(here) as first, gateway(here) as second:
        listed = []
        for number, bot in enumerate((first, second)):
            ready = await bot.login(shard=[number, 2])
            assert ready["shard"] == [number, 2]
            guilds = [int(guild["id"]) for guild in ready["guilds"]]
            assert all((guild >> 22) % 2 == number for guild in guilds)
            listed += guilds
            for _ in guilds:
                await bot.until("GUILD_CREATE")
        assert len(set(listed)) == len(listed) == 10
        person = here.person("alan")
        person.say(person.direct(demo.application_id), "psst")
        assert (await first.until("MESSAGE_CREATE"))["content"] == "psst"
        person.say(here.channel(), "hello")
        own = (first, second)[(demo.guild_id >> 22) % 2]
        assert (await own.until("MESSAGE_CREATE"))["content"] == "hello"


async def test_two_bots_are_told_apart() -> None:
    demo = demo_world(Tuning.quick())
    other = demo.world.applications.create("Other", demo.owner_id)
    async with running(demo=demo) as here, gateway(here) as ours, gateway(here) as theirs:
        await ours.login()
        assert (await _login_as(theirs, f"sandbox.{other.id}"))["guilds"] == []
        assert demo.world.connected_bots == {demo.application_id, other.id}
        demo.world.members.join(demo.guild_id, other.id)
        assert (await theirs.until("GUILD_CREATE"))["id"] == str(demo.guild_id)
        assert (await ours.until("GUILD_MEMBER_ADD"))["user"]["id"] == str(other.id)
        demo.world.members.leave(demo.guild_id, other.id)
        assert await theirs.until("GUILD_DELETE") == {"id": str(demo.guild_id)}


async def _login_as(bot: Gateway, token: str) -> dict[str, object]:
    await bot.until_op(10)
    await bot.identify(token=token)
    return await bot.until("READY")


async def test_connected_bots_come_and_go() -> None:
    async with running() as here:
        world = here.demo.world
        async with gateway(here) as bot:
            await bot.login()
            assert world.connected_bots == {here.demo.application_id}
        with trio.fail_after(5):
            await world.feed.wait_until(lambda: not world.connected_bots)


async def test_members_are_sent_in_chunks() -> None:
    demo = demo_world(Tuning.quick())
    for number in range(1200):
        demo.world.members.join(demo.guild_id, demo.world.users.create(f"member{number}"))
    async with running(demo=demo) as here, gateway(here) as bot:
        await bot.login()
        await bot.send(8, {"guild_id": str(demo.guild_id), "query": "", "limit": 0, "nonce": "n"})
        chunks = [await bot.until("GUILD_MEMBERS_CHUNK") for _ in range(2)]
        assert [len(chunk["members"]) for chunk in chunks] == [1000, 206]
        assert [(c["chunk_index"], c["chunk_count"], c["nonce"]) for c in chunks] == [
            (0, 2, "n"),
            (1, 2, "n"),
        ]
        alan = str(demo.users["alan"])
        await bot.send(8, {"guild_id": str(demo.guild_id), "user_ids": [alan, "1"], "limit": 0})
        chunk = await bot.until("GUILD_MEMBERS_CHUNK")
        assert [member["user"]["id"] for member in chunk["members"]] == [alan]
        assert chunk["not_found"] == ["1"]
        await bot.send(8, {"guild_id": "1", "query": "", "limit": 0})
        await bot.send(8, {"guild_id": str(demo.guild_id), "query": "alan", "limit": 5})
        assert len((await bot.until("GUILD_MEMBERS_CHUNK"))["members"]) == 1


async def test_thousands_of_idle_guilds_stream_out_and_stay_idle() -> None:
    demo = demo_world(Tuning.quick())
    add_idle_guilds(demo, 2_000)
    async with running(demo=demo) as here, gateway(here, "zstd-stream") as bot:
        ready = await bot.login()
        assert len(ready["guilds"]) == 2_001
        seen = [await bot.until("GUILD_CREATE") for _ in range(2_001)]
        assert [guild["id"] for guild in seen] == [guild["id"] for guild in ready["guilds"]]
        assert len({guild["name"] for guild in seen}) == 2_001
        assert len({guild["channels"][0]["id"] for guild in seen}) == 2_001
        assert len(demo.world.guilds.known) == 1
        idle = int(ready["guilds"][-1]["id"])
        answer = await here.rest.post(f"/channels/{idle + 1}/messages", json={"content": "anybody?"})
        assert answer.status_code == 200
        assert (await bot.until("MESSAGE_CREATE"))["guild_id"] == str(idle)
        assert len(demo.world.guilds.known) == 2


async def test_presence_and_voice_updates_are_accepted() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.send(3, {"since": None, "activities": [], "status": "online", "afk": False})
        await bot.send(4, {"guild_id": "1", "channel_id": None, "self_mute": False, "self_deaf": False})
        await bot.send(1, bot.seq)
        await bot.until_op(11)


async def test_a_client_that_speaks_no_websocket_does_no_harm() -> None:
    async with running() as here:
        port = int(here.sandbox.gateway_url.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"NONSENSE\r\n\r\n")
            await stream.receive_some(1000)
        async with gateway(here) as bot:
            await bot.login()


async def test_a_close_by_the_client_with_1000_ends_the_session() -> None:
    async with running() as here:
        async with gateway(here) as bot:
            await bot.login()
            await bot.socket.aclose(1000)
        session, seq = bot.session_id, bot.seq
        async with gateway(here) as again:
            await again.resume(session, seq)
            assert (await again.until_op(9))["d"] is False


async def _resumed(here: Running, session_id: str, seq: int | None) -> list[tuple[str, int]]:
    async with gateway(here) as bot:
        await bot.resume(session_id, seq)
        await bot.until("RESUMED")
        return [(p["t"], p["s"]) for p in bot.received if p["op"] == 0]


@pytest.mark.parametrize("leave", ["drop", "close"])
async def test_a_resume_replays_what_was_missed_exactly_once(leave: str) -> None:
    async with running() as here:
        async with gateway(here) as bot:
            await bot.login()
            await bot.until("GUILD_CREATE")
            if leave == "close":
                await bot.socket.aclose(4000)
        session, seq = bot.session_id, bot.seq
        for number in range(3):
            here.person("alan").say(here.channel(), f"missed {number}")
        assert seq == 2
        missed = [("MESSAGE_CREATE", 3), ("MESSAGE_CREATE", 4), ("MESSAGE_CREATE", 5)]
        assert await _resumed(here, session, seq) == [*missed, ("RESUMED", 6)]
        here.person("alan").say(here.channel(), "later")
        assert await _resumed(here, session, 4) == [missed[2], ("MESSAGE_CREATE", 7), ("RESUMED", 8)]


async def test_a_resume_is_refused_when_the_log_no_longer_reaches_back() -> None:
    async with running(Tuning(replay_limit=5)) as here:
        async with gateway(here) as bot:
            await bot.login()
            await bot.until("GUILD_CREATE")
        for number in range(10):
            here.person("alan").say(here.channel(), f"{number}")
        async with gateway(here) as again:
            await again.resume(bot.session_id, bot.seq)
            assert (await again.until_op(9))["d"] is False
            await again.identify()


async def test_a_resume_from_the_future_closes_with_4007() -> None:
    async with running() as here:
        async with gateway(here) as bot:
            await bot.login()
        async with gateway(here) as again:
            await again.resume(bot.session_id, 99)
            assert (await again.closed())[0] == 4007


async def test_a_session_without_a_socket_is_forgotten() -> None:
    async with running(Tuning(session_lifetime=0.0)) as here:
        world = here.demo.world
        async with gateway(here) as bot:
            await bot.login()
        with trio.fail_after(5):
            await world.feed.wait_until(lambda: not world.connected_bots)
        async with gateway(here) as again:
            await again.resume(bot.session_id, bot.seq)
            assert (await again.until_op(9))["d"] is False


async def test_a_session_resumed_elsewhere_leaves_its_old_socket() -> None:
    async with running() as here, gateway(here) as old:
        await old.login()
        async with gateway(here) as new:
            await new.resume(old.session_id, old.seq)
            await new.until("RESUMED")
            with pytest.raises(ConnectionClosed):
                while True:
                    await old.receive()
            here.person("alan").say(here.channel(), "for the new one")
            assert (await new.until("MESSAGE_CREATE"))["content"] == "for the new one"


async def test_a_resume_works_under_another_compression() -> None:
    async with running() as here:
        async with gateway(here, "zlib-stream") as bot:
            await bot.login()
        here.person("alan").say(here.channel(), "missed")
        async with gateway(here, "zstd-stream") as again:
            await again.resume(bot.session_id, bot.seq)
            assert (await again.until("MESSAGE_CREATE"))["content"] == "missed"


async def test_payloads_are_json_with_all_four_keys() -> None:
    async with running() as here, gateway(here) as bot:
        raw = await bot.socket.get_message()
        assert set(json.loads(raw)) == {"op", "d", "s", "t"}
        await bot.identify(intents=ALL_INTENTS)
        assert set(await bot.receive()) == {"op", "d", "s", "t"}

"""The message path, whole: a burst of messages through the gateway, the actors and the database.

``.venv/bin/python bench/messages.py [messages] [engagement]``. Three processes: PostgreSQL (fsync off), the
bot as ``alphapy run`` starts it, and this one, which plays Discord: a gateway that writes the burst as fast
as the bot reads it, with a slash command every 25 ms, and a REST API that answers at once. 100 guilds, 997
members, 20 custom commands in every guild, of which one message in a hundred triggers one. With the word
``engagement`` every guild also has its weekly index, streaks, and a challenge in the channel of the burst.

The clock runs from the first byte of the burst until the database says that every guild is done with its
last message. Then the uses of every custom command, every answer that was posted, and what engagement has
counted, are checked one by one.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import attrs
import psutil
import psycopg
import trio

from alphapy.storage.embedded import embedded_postgres
from tests.campaigns.bot import Bot
from tests.campaigns.engine import TREE
from tests.support.gateway_server import HELLO, GatewayServer, Peer, dispatch, ready
from tests.support.http_server import Received, Reply, ScriptedServer, scripted_server
from tests.support.postgres import QUICK, TEMPLATE, Databases
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

GUILDS, MEMBERS, COMMANDS = 100, 997, 20
TRIGGER_EVERY = 100
INTERACTION_EVERY = 0.025
PIECE = 64
"""Messages between two looks at the clock."""

FIRST_GUILD, FIRST_MEMBER, CHANNEL = 10_000, 1_000_000, 20_000
BOT = 10
WORDS = (
    "has anybody seen the notes of yesterday's meeting, I think that I left them on the table somewhere",
    "good morning everyone! the weather is lovely here, we are going to the beach after work",
    "the new release works for me, only the settings page is a little slow on my old laptop",
    "who is up for a game tonight? we need two more for the team, the usual channel at nine",
)
_DONE = "SELECT count(*) FROM event_progress WHERE feature = 'custom_commands' AND seq >= %s"
_COUNTED = (
    "SELECT count(*) FROM event_progress WHERE feature IN ('custom_commands', 'engagement') AND seq >= %s"
)
_STATEMENTS = (
    "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
    " WHERE d.datname = current_database() AND query NOT LIKE '%%pg_stat_statements%%'"
)


@attrs.define(eq=False)
class Discord:
    """What the bot is told, and what it answers."""

    count: int
    commands: list[Any] = attrs.field(factory=list)
    asked: dict[str, float] = attrs.field(factory=dict)
    """By interaction: when it was written to the socket."""
    acknowledged: list[float] = attrs.field(factory=list)
    posted: Counter[str] = attrs.field(factory=Counter)
    peer: Peer | None = None
    seq: int = 1
    gateway: GatewayServer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.gateway = GatewayServer(self._greet)

    async def _greet(self, peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        guilds = range(FIRST_GUILD, FIRST_GUILD + GUILDS)
        await peer.send(ready(self.gateway, guilds=guilds))
        for guild in guilds:
            self.seq += 1
            await peer.send(dispatch(self.seq, "GUILD_CREATE", _guild(guild)))
        self.peer = peer

    def answer(self, received: Received) -> Reply:
        """The REST API."""
        path = received.path.removeprefix("/api/v10")
        if path == "/gateway/bot":
            limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
            return Reply(body={"url": self.gateway.url, "shards": 1, "session_start_limit": limit})
        if path == "/oauth2/applications/@me":
            return Reply(body={"id": "11", "name": "Alphapy", "owner": {"id": "5", "username": "o"}})
        if received.method == "PUT":
            self.commands = received.json
            return Reply(body=[])
        if path.endswith("/callback"):
            asked = self.asked.pop(path.split("/")[2])
            self.acknowledged.append(trio.current_time() - asked)
            return Reply(status=204)
        if received.method == "POST" and path.endswith("/messages"):
            self.posted[received.json["content"]] += 1
            return Reply(body=_message(self.new_id(0), CHANNEL, BOT, received.json["content"]))
        return Reply(body={})

    def new_id(self, number: int) -> int:
        """A snowflake of about now."""
        return (int(datetime.now(UTC).timestamp() * 1000 - 1_420_070_400_000) << 22) + number

    def burst(self) -> Iterator[bytes]:
        """The messages of the burst, in order."""
        for number in range(self.count):
            guild = number % GUILDS
            words = WORDS[number % len(WORDS)]
            if number // GUILDS % TRIGGER_EVERY == TRIGGER_EVERY - 1:
                words = f"trigger-{guild % COMMANDS} please"
            message = _message(self.new_id(number), CHANNEL + guild, FIRST_MEMBER + number % MEMBERS, words)
            message |= {"guild_id": str(FIRST_GUILD + guild), "member": MEMBER}
            yield json.dumps(message, separators=(",", ":")).encode()

    def dispatch(self, name: bytes, data: bytes) -> bytes:
        """The next event's payload."""
        self.seq += 1
        return b'{"t":"%s","s":%d,"op":0,"d":%s}' % (name, self.seq, data)

    def interaction(self, number: int) -> bytes:
        """A use of /version."""
        data = {
            "id": str(number),
            "application_id": "11",
            "type": 2,
            "token": f"token-{number}",
            "version": 1,
            "guild_id": str(FIRST_GUILD + number % GUILDS),
            "channel_id": str(CHANNEL),
            "member": {**MEMBER, "user": _user(FIRST_MEMBER), "permissions": "0"},
            "data": {"id": "1", "name": "version", "type": 1},
            "locale": "en-GB",
            "entitlements": [],
            "authorizing_integration_owners": {},
        }
        return json.dumps(data).encode()


MEMBER = {
    "roles": ["31"],
    "nick": None,
    "joined_at": "2024-01-01T00:00:00+00:00",
    "deaf": False,
    "mute": False,
    "flags": 0,
    "avatar": None,
    "premium_since": None,
    "pending": False,
    "communication_disabled_until": None,
    "banner": None,
}


def _user(user_id: int) -> dict[str, Any]:
    return {
        "id": str(user_id),
        "username": f"member{user_id}",
        "global_name": f"Member {user_id}",
        "discriminator": "0",
        "avatar": "8342729096ea3675442027381ff50dfe",
        "public_flags": 0,
        "bot": user_id == BOT,
        "primary_guild": None,
        "avatar_decoration_data": None,
    }


def _message(message_id: int, channel: int, author: int, content: str) -> dict[str, Any]:
    return {
        "id": str(message_id),
        "channel_id": str(channel),
        "author": _user(author),
        "content": content,
        "timestamp": "2026-01-01T00:00:00.000000+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        "channel_type": 0,
        "nonce": str(message_id),
    }


def _guild(guild_id: int) -> dict[str, Any]:
    channel = CHANNEL + guild_id - FIRST_GUILD
    return {
        "id": str(guild_id),
        "name": f"Guild {guild_id}",
        "owner_id": str(FIRST_MEMBER),
        "roles": [{"id": str(guild_id), "name": "@everyone", "permissions": str(0x7FFF_FFFF), "position": 0}],
        "channels": [{"id": str(channel), "type": 0, "name": "general", "permission_overwrites": []}],
        "threads": [],
        "members": [{**MEMBER, "user": _user(BOT)}],
        "member_count": MEMBERS,
        "joined_at": "2024-01-01T00:00:00+00:00",
        "large": False,
        "unavailable": False,
    }


def frame(data: bytes) -> bytes:
    """A binary WebSocket message of a server (RFC 6455, 5.2)."""
    if len(data) < 126:
        return bytes((0x82, len(data))) + data
    return bytes((0x82, 126)) + struct.pack(">H", len(data)) + data


async def play(discord: Discord) -> float:
    """Write the burst; returns the moment of the first byte."""
    assert discord.peer is not None
    peer = discord.peer
    peer.acks = False  # its frames would come between those of the burst
    messages = list(discord.burst())
    compress = peer._compress  # noqa: SLF001 - the connection's one compression stream
    started = trio.current_time()
    asked = started
    number = 0
    for place in range(0, len(messages), PIECE):
        piece = messages[place : place + PIECE]
        payloads = [discord.dispatch(b"MESSAGE_CREATE", message) for message in piece]
        await peer.stream.send_all(b"".join(frame(compress(payload)) for payload in payloads))
        while trio.current_time() - asked >= INTERACTION_EVERY:
            asked += INTERACTION_EVERY
            number += 1
            interaction = discord.new_id(number)
            discord.asked[str(interaction)] = trio.current_time()
            payload = discord.dispatch(b"INTERACTION_CREATE", discord.interaction(interaction))
            await peer.stream.send_all(frame(compress(payload)))
    peer.acks = True
    await peer.send({"op": 11})
    return started


@asynccontextmanager
async def bot_on(discord: Discord, url: str, server: ScriptedServer, folder: Path) -> AsyncIterator[Bot]:
    """The bot, as soon as it has seen every guild."""
    environment = {
        "BOT_TOKEN": "bench-token",
        "DATABASE_URL": url,
        "DISCORD_API_BASE": server.base_url,
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "ALPHAPY_DATA_DIR": str(folder),
    }
    async with trio.open_nursery() as nursery:
        await nursery.start(discord.gateway.serve)
        bot = Bot(environment, TREE, folder)
        nursery.start_soon(bot.keep_running)
        try:
            await wait_until(lambda: discord.peer is not None, within=60, what="the bot to connect")
            with psycopg.connect(url, autocommit=True) as connection:
                query = "SELECT count(*) FROM gateway_guilds"
                await wait_until(lambda: _value(connection, query) == GUILDS, within=60, what="every guild")
            await trio.sleep(1)
            yield bot
        finally:
            bot.end_all()
            nursery.cancel_scope.cancel()


def prepare(url: str) -> None:
    """Twenty custom commands for every guild."""
    rows = [
        (FIRST_GUILD + guild, f"c{number}", kind, f"trigger-{number} ", f"{guild}.{number} {{uses}}")
        for guild in range(GUILDS)
        for number, kind in zip(range(COMMANDS), ("starts_with", "contains") * COMMANDS, strict=False)
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.cursor().executemany(
            "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response)"
            " VALUES (%s, %s, %s, %s, %s)",
            rows,
        )


def switch_engagement_on(url: str) -> None:
    """The weekly index, streaks and a challenge for every guild."""
    guilds = range(FIRST_GUILD, FIRST_GUILD + GUILDS)
    flags = ("weekly_enabled", "streaks_enabled", "challenges_enabled")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.cursor().executemany(
            "INSERT INTO bot_settings (guild_id, scope, key, value, value_type)"
            " VALUES (%s, 'engagement', %s, 'true', 'bool')",
            [(guild, flag) for guild in guilds for flag in flags],
        )
        connection.cursor().executemany(
            "INSERT INTO engagement_challenges (guild_id, channel_id, started_at, ends_at)"
            " VALUES (%s, %s, '2025-12-31', now() + interval '1 day')",
            [(guild, CHANNEL + guild - FIRST_GUILD) for guild in guilds],
        )


def check_counted(connection: psycopg.Connection[Any], count: int) -> None:
    """Every message is in the weekly index once, and in its author's count; every author has a streak."""
    posts = Counter((FIRST_GUILD + n % GUILDS, FIRST_MEMBER + n % MEMBERS) for n in range(count))
    counts = connection.execute(
        "SELECT guild_id, user_id, message_count FROM engagement_participants p"
        " JOIN engagement_challenges c ON c.id = p.challenge_id"
    ).fetchall()
    assert {(guild, user): number for guild, user, number in counts} == posts, "the challenges"
    weekly = connection.execute(
        "SELECT guild_id, user_id, count(*) FROM engagement_weekly_messages GROUP BY 1, 2"
    ).fetchall()
    assert {(guild, user): number for guild, user, number in weekly} == posts, "the weekly index"
    streaks = connection.execute("SELECT guild_id, user_id, current_days FROM engagement_streaks").fetchall()
    assert {(guild, user): days for guild, user, days in streaks} == dict.fromkeys(posts, 1), "the streaks"


def _value(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


async def measure(count: int, url: str, folder: Path, *, engagement: bool) -> None:
    discord, done = Discord(count), _COUNTED if engagement else _DONE
    async with scripted_server(discord.answer) as server, bot_on(discord, url, server, folder) as bot:
        assert bot.pid is not None
        process = psutil.Process(bot.pid)
        with psycopg.connect(url, autocommit=True) as connection:
            statements, cpu = int(_value(connection, _STATEMENTS)), sum(process.cpu_times()[:2])
            started = await play(discord)
            written = trio.current_time() - started
            await wait_until(
                lambda: _value(connection, done, discord.seq - 2 * GUILDS) >= GUILDS * (1 + engagement),
                within=120,
                what="every guild to be done",
            )
            took = trio.current_time() - started
            used = sum(process.cpu_times()[:2]) - cpu
            asked = int(_value(connection, _STATEMENTS)) - statements
            wanted = count // TRIGGER_EVERY // GUILDS * GUILDS
            uses = "SELECT coalesce(sum(uses), 0) FROM custom_commands"
            await wait_until(lambda: _value(connection, uses) == wanted, within=60, what="every answer")
            answered = trio.current_time() - started
            if engagement:
                await trio.sleep(1)  # the last of them are written behind
                check_counted(connection, count)
        with suppress(AssertionError):
            await wait_until(lambda: not discord.asked, within=4, what="every acknowledgement")
        assert sum(discord.posted.values()) == wanted == len(discord.posted), "each answer once"
        cuts = quantiles(discord.acknowledged, n=100, method="inclusive")
        print(f"messages                       {count:>10,}")
        print(f"written by the gateway in      {written:>10.2f} s")
        print(f"done with in                   {took:>10.2f} s   {count / took:>8,.0f} a second")
        print(f"processor time of the bot      {used:>10.2f} s   {1e6 * used / count:>8.0f} µs a message")
        print(f"statements until then          {asked:>10,}     {1000 * asked / count:>8.1f} per 1,000")
        print(f"answers                        {wanted:>10,}     posted after {answered:.2f} s")
        counts = f"{len(discord.acknowledged):>10,}     {len(discord.asked)} never acknowledged"
        print(f"interactions                   {counts}")
        print(f"acknowledged after             {1000 * median(discord.acknowledged):>10.1f} ms median")
        print(f"                               {1000 * cuts[98]:>10.1f} ms 99 %")
        print(f"memory of the bot              {process.memory_info().rss / 2**20:>10.1f} MB")


def main(count: int, *, engagement: bool) -> None:
    settings = {**QUICK, "shared_preload_libraries": "pg_stat_statements"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alphapy-bench-")))
        databases = Databases(stack.enter_context(embedded_postgres(folder / "postgres", settings=settings)))
        databases.ensure_template(folder / "template.lock")
        url = stack.enter_context(databases.fresh(TEMPLATE))
        prepare(url)
        if engagement:
            switch_engagement_on(url)
        trio.run(partial(measure, count, url, folder, engagement=engagement))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, engagement="engagement" in sys.argv[2:])

"""What every client must be able to do, act by act: the bot's side and the world's side must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.faults import GatewayFault
from alphapy.sandbox.world.audit import Action, Query
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.clients.troupe import JSON, Troupe

FORGIVING = 10.0


async def login(troupe: Troupe) -> None:
    """The bot is in its guild, and its commands are offered to people."""
    ready = await troupe.bot.wait("ready")
    assert ready["id"] == str(troupe.bot_id)
    assert ready["guilds"] == {str(troupe.demo.guild_id): "Lighthouse"}
    assert troupe.bot.seen("commands") == [{"saw": "commands", "names": ["probe"]}]
    assert [c["name"] for c in troupe.person("alan").commands(troupe.here)] == ["probe"]
    assert troupe.bot_id in troupe.demo.world.connected_bots


async def members(troupe: Troupe) -> None:
    """All members come in chunks; some by the beginning of their names, some by id."""
    ids = [str(troupe.demo.users["alan"]), str(troupe.crowd[7])]
    result = await troupe.step("members", query="crowd000", ids=[*ids, "1"])
    assert result["all"] == len(troupe.crowd) + 6
    assert result.get("chunks", 2) == 2
    assert result["query"] == [f"crowd000{number}" for number in range(5)]
    assert result["by_id"] == sorted(ids)


async def chat(troupe: Troupe) -> None:
    """Messages are sent, answered, edited, reacted to, read and deleted; the bot sees its own events."""
    since = troupe.mark()
    result = await troupe.step("chat", nonce="lamp")
    messages = {m["id"]: m for m in troupe.person("alan").visible_messages(troupe.here)}
    sent = messages[result["sent"]]
    assert (sent["content"], sent["author"]["id"], sent["nonce"]) == ("changed", str(troupe.bot_id), "lamp")
    assert sent["embeds"][0]["fields"] == [{"name": "one", "value": "1", "inline": True}]
    assert (sent["embeds"][0]["color"], sent["embeds"][0]["footer"]["text"]) == (0x336699, "below")
    assert sent["edited_timestamp"] is not None
    assert [(r["emoji"]["name"], r["count"]) for r in sent["reactions"]] == [("\N{THUMBS UP SIGN}", 1)]
    reply = messages[result["reply"]]
    order = messages[reply["message_reference"]["message_id"]]
    assert (result["reply_to"], order["author"]["username"]) == (order["id"], "ada")
    assert reply["mentions"] == []
    quiet = messages[result["quiet"]]
    assert (quiet["mentions"], quiet["flags"] & 1 << 12) == ([], 1 << 12)
    assert not set(result["deleted"]) & set(messages)
    assert (result["edited"], result["embed"], result["field"]) == ("changed", "A title", "1")
    assert result["reactions"] == {"\N{THUMBS UP SIGN}": 1}
    assert (result["fans"], len(result["history"])) == ([str(troupe.bot_id)], 3)
    assert result["history"][-1] == "changed"
    bot = troupe.bot
    await bot.wait("edit", since=since, id=result["sent"], content="changed")
    await bot.wait("reaction", since=since, message=result["sent"], emoji="\N{EYES}")
    await bot.wait("unreaction", since=since, message=result["sent"], emoji="\N{EYES}")
    await bot.wait("delete", since=since, id=result["deleted"][0])
    await bot.wait("bulk_delete", since=since, ids=sorted(result["deleted"][1:]))


async def people(troupe: Troupe) -> None:
    """What people do reaches the bot."""
    since, alan = troupe.mark(), troupe.person("alan")
    said = alan.say(troupe.here, "hello bot")
    await troupe.bot.wait(
        "message",
        since=since,
        id=said["id"],
        content="hello bot",
        author=str(alan.id),
        guild=str(troupe.demo.guild_id),
    )
    alan.edit(troupe.here, int(said["id"]), "hello, bot")
    alan.react(troupe.here, int(said["id"]), "\N{WAVING HAND SIGN}")
    alan.unreact(troupe.here, int(said["id"]), "\N{WAVING HAND SIGN}")
    alan.type(troupe.here)
    alan.delete(troupe.here, int(said["id"]))
    wave = {"message": said["id"], "emoji": "\N{WAVING HAND SIGN}", "user": str(alan.id)}
    await troupe.bot.wait("edit", since=since, id=said["id"], content="hello, bot")
    await troupe.bot.wait("reaction", since=since, **wave)
    await troupe.bot.wait("unreaction", since=since, **wave)
    await troupe.bot.wait("typing", since=since, user=str(alan.id))
    await troupe.bot.wait("delete", since=since, id=said["id"])
    newcomer = troupe.demo.world.users.create("newcomer")
    troupe.demo.world.members.join(troupe.demo.guild_id, newcomer)
    await troupe.bot.wait("member_join", since=since, id=str(newcomer))
    troupe.demo.world.members.leave(troupe.demo.guild_id, newcomer)
    await troupe.bot.wait("member_leave", since=since, id=str(newcomer))


async def file(troupe: Troupe) -> None:
    """Files are uploaded, read back byte for byte, and taken off again."""
    text = "Grüße aus dem Leuchtturm\n" * 50
    result = await troupe.step("file", text=text)
    assert result["names"] == ["notes.txt", "SPOILER_bytes.bin"]
    assert result["sizes"] == [len(text.encode()), 256]
    assert (result["text"], result["intact"], result["left"]) == (text, True, ["notes.txt"])
    assert result.get("description", "Some notes") == "Some notes"
    seen = next(m for m in troupe.person("alan").visible_messages(troupe.here) if m["id"] == result["id"])
    assert [entry["filename"] for entry in seen["attachments"]] == ["notes.txt"]


async def pins(troupe: Troupe) -> None:
    """A message is pinned and unpinned; the channel and the audit log say so."""
    since = troupe.mark()
    said = troupe.person("alan").say(troupe.here, "worth pinning")
    result = await troupe.step("pins", message=said["id"])
    assert result == {"pinned": [said["id"]], "left": []}
    kinds = [m["type"] for m in troupe.person("alan").visible_messages(troupe.here)]
    assert kinds.count(6) == 1
    await troupe.bot.wait("edit", since=since, id=said["id"], pinned=True)
    await troupe.bot.wait("pins", since=since, channel=str(troupe.here))
    await troupe.bot.wait("audit", since=since, action=int(Action.MESSAGE_PIN), reason=None)
    await troupe.bot.wait("audit", since=since, action=int(Action.MESSAGE_UNPIN), reason=None)


async def thread(troupe: Troupe) -> None:
    """Threads are started from a message and alone, joined, written in, archived, listed, deleted."""
    since, alan = troupe.mark(), troupe.person("alan")
    said = alan.say(troupe.here, "let us talk about this")
    result = await troupe.step("thread", message=said["id"], user=str(alan.id))
    guild = troupe.demo.world.guilds.get(troupe.demo.guild_id)
    about = guild.channels[int(result["id"])]
    assert (result["id"], about["name"], about["parent_id"]) == (said["id"], "renamed", str(troupe.here))
    assert about["thread_metadata"]["archived"]
    assert (about["owner_id"], about["message_count"]) == (str(troupe.bot_id), 1)
    assert set(result["members"]) == {str(troupe.bot_id), str(alan.id)}
    assert guild.thread_members[int(result["id"])] == [troupe.bot_id]
    assert result["archived"] == [result["id"]]
    assert result["active"] == ["alone", "private"]
    assert int(result["alone"]) not in guild.channels
    private = guild.channels[int(result["private"])]
    assert (private["type"], private["thread_metadata"]["invitable"]) == (12, False)
    assert result["private"] not in {channel["id"] for channel in alan.channels(troupe.demo.guild_id)}
    await troupe.bot.wait("thread_create", since=since, id=result["id"], name="about this")
    await troupe.bot.wait("message", since=since, id=result["said"], content="in the thread")
    await troupe.bot.wait("thread_join", since=since, id=result["id"], user=str(alan.id))
    await troupe.bot.wait("thread_update", since=since, id=result["id"])
    await troupe.bot.wait("thread_delete", since=since, id=result["alone"])
    before = troupe.mark()
    alan.say(int(result["id"]), "and it opens again")
    assert not about["thread_metadata"]["archived"]
    await troupe.bot.wait("thread_update", since=before, id=result["id"])
    await troupe.bot.wait("message", since=before, content="and it opens again")


async def roles(troupe: Troupe) -> None:
    """Roles are made, changed, given, taken, moved and deleted."""
    since, alan = troupe.mark(), troupe.demo.users["alan"]
    result = await troupe.step("roles", user=str(alan))
    guild = troupe.demo.world.guilds.get(troupe.demo.guild_id)
    role = guild.roles[int(result["id"])]
    assert (role["name"], role["color"], role["hoist"], role["mentionable"]) == (
        "lamp keeper",
        0x112233,
        True,
        True,
    )
    assert (result["given"], result["above"]) == (True, role["position"])
    assert "lamp keeper" in result["names"]
    assert "spare" not in result["names"]
    assert guild.members[alan]["roles"] == []
    await troupe.bot.wait("role_create", since=since, id=result["id"], name="keeper")
    await troupe.bot.wait("role_update", since=since, id=result["id"], name="lamp keeper")
    await troupe.bot.wait("role_delete", since=since, id=result["spare"])
    await troupe.bot.wait("member_update", since=since, id=str(alan))
    for action, reason in (
        (Action.ROLE_CREATE, "a light needs one"),
        (Action.ROLE_UPDATE, "a better name"),
        (Action.MEMBER_ROLE_UPDATE, "well earned"),
        (Action.MEMBER_ROLE_UPDATE, "a shift has an end"),
        (Action.ROLE_DELETE, "not needed"),
    ):
        await troupe.bot.wait("audit", since=since, action=int(action), reason=reason)


async def channels(troupe: Troupe) -> None:
    """Channels are made, changed, closed to one member, opened again and deleted."""
    since, alan = troupe.mark(), troupe.demo.users["alan"]
    result = await troupe.step("channels", user=str(alan))
    guild = troupe.demo.world.guilds.get(troupe.demo.guild_id)
    channel = guild.channels[int(result["id"])]
    assert (channel["name"], channel["topic"], channel["rate_limit_per_user"]) == (
        "night-watch",
        "all night",
        5,
    )
    assert (channel["parent_id"], channel["permission_overwrites"]) == (result["category"], [])
    assert (result["may_send"], result["slowmode"]) == (False, 5)
    assert {"harbour", "night-watch", "general"} <= set(result["names"])
    assert int(result["spare"]) not in guild.channels
    await troupe.bot.wait("channel_create", since=since, id=result["id"], name="watch")
    await troupe.bot.wait("channel_update", since=since, id=result["id"], name="night-watch")
    await troupe.bot.wait("channel_delete", since=since, id=result["spare"])
    for action, reason in (
        (Action.CHANNEL_CREATE, "a channel"),
        (Action.CHANNEL_UPDATE, "night falls"),
        (Action.OVERWRITE_CREATE, "sleep"),
        (Action.OVERWRITE_DELETE, "awake"),
        (Action.CHANNEL_DELETE, "gone"),
    ):
        await troupe.bot.wait("audit", since=since, action=int(action), reason=reason)


async def moderate(troupe: Troupe) -> None:
    """Members are named, timed out, banned, unbanned and kicked, each with a reason that the log keeps."""
    since, world = troupe.mark(), troupe.demo.world
    loud, rude, away, *raid = troupe.crowd[-6:]
    world.messages.create(rude, troupe.here, {"content": "something rude"})
    result = await troupe.step(
        "moderate", timeout=str(loud), ban=str(rude), kick=str(away), crowd=[str(user) for user in raid]
    )
    guild = world.guilds.get(troupe.demo.guild_id)
    assert (guild.members[loud]["nick"], guild.members[loud]["communication_disabled_until"]) == (
        "Quiet one",
        None,
    )
    assert not {rude, away, *raid} & set(guild.members)
    assert set(guild.bans) == set(raid)
    assert "something rude" not in {m["content"] for m in troupe.person("ada").visible_messages(troupe.here)}
    assert (result["muted"], result["ban_reason"]) == (True, "ünpleasant & rude")
    assert (result["bans"], result["many"]) == ([str(rude)], sorted(str(user) for user in raid))
    assert [(entry["action"], entry["reason"]) for entry in result["log"]] == [
        (int(Action.MEMBER_BAN_ADD), "a raid"),
        (int(Action.MEMBER_BAN_ADD), "a raid"),
        (int(Action.MEMBER_BAN_ADD), "a raid"),
        (int(Action.MEMBER_KICK), "asked for it"),
        (int(Action.MEMBER_BAN_REMOVE), "forgiven"),
        (int(Action.MEMBER_BAN_ADD), "ünpleasant & rude"),
        (int(Action.MEMBER_UPDATE), "calm again"),
        (int(Action.MEMBER_UPDATE), "too loud"),
    ]
    assert {entry["user"] for entry in result["log"]} == {str(troupe.bot_id)}
    assert result["chosen"] == [*(str(user) for user in reversed(raid)), str(rude)]
    log = world.audit.read(troupe.demo.owner_id, guild.id, Query(user_id=troupe.bot_id, limit=1))
    assert log["audit_log_entries"][0]["reason"] == "a raid"
    await troupe.bot.wait("member_update", since=since, id=str(loud), nick="Quiet one", timed_out=True)
    await troupe.bot.wait("ban", since=since, id=str(rude))
    await troupe.bot.wait("unban", since=since, id=str(rude))
    await troupe.bot.wait("member_leave", since=since, id=str(away))
    await troupe.bot.wait("audit", since=since, action=int(Action.MEMBER_UPDATE), reason="too loud")


async def invites(troupe: Troupe) -> None:
    """Invites are made, read, listed and deleted; a person follows one until it is used up."""
    since, world = troupe.mark(), troupe.demo.world
    result = await troupe.step("invites")
    guild = world.guilds.get(troupe.demo.guild_id)
    assert (result["guild"], result["members"]) == (str(guild.id), len(guild.members))
    assert result["listed"] == sorted([result["code"], result["other"]])
    assert (result["max_uses"], result["left"]) == (2, [result["code"]])
    await troupe.bot.wait("invite_create", since=since, code=result["code"])
    await troupe.bot.wait("invite_delete", since=since, code=result["other"])
    await troupe.bot.wait("audit", since=since, action=int(Action.INVITE_CREATE), reason="for a friend")
    await troupe.bot.wait("audit", since=since, action=int(Action.INVITE_DELETE), reason="too many")
    for name in ("friend", "relative"):
        user = world.users.create(name)
        assert world.invites.follow(user, result["code"]) == guild.id
        await troupe.bot.wait("member_join", since=since, id=str(user))
    await troupe.bot.wait("invite_delete", since=since, code=result["code"])
    assert guild.invites == {}


async def direct(troupe: Troupe) -> None:
    """Direct messages go both ways, and belong to no guild."""
    since, alan = troupe.mark(), troupe.person("alan")
    result = await troupe.step("direct", user=str(alan.id))
    channel = alan.direct(troupe.bot_id)
    assert str(channel) == result["channel"]
    assert [m["content"] for m in alan.visible_messages(channel)] == ["just between us"]
    alan.say(channel, "our secret")
    await troupe.bot.wait(
        "message", since=since, content="our secret", author=str(alan.id), channel=str(channel), guild=None
    )


async def refusals(troupe: Troupe) -> None:
    """What Discord refuses is refused with its status and code, which the client understands."""
    result = await troupe.step(
        "refusals",
        hidden=str(troupe.vault),
        owner=str(troupe.demo.owner_id),
    )
    assert {name: (refusal["status"], refusal["code"]) for name, refusal in result.items()} == {
        "hidden": (403, 50001),
        "message": (404, 10008),
        "channel": (404, 10003),
        "user": (404, 10013),
        "empty": (400, 50006),
        "long": (400, 50035),
        "owner": (403, 50013),
        "invite": (404, 10006),
        "ban": (404, 10026),
        "foreign": (403, 50005),
    }
    assert "2000 or fewer" in result["long"]["text"]


async def commands(troupe: Troupe) -> None:
    """A slash command gets its options in their types; autocomplete suggests; silence fails."""
    since, alan, demo = troupe.mark(), troupe.person("alan"), troupe.demo
    view = alan.slash(
        troupe.here,
        "/probe echo",
        text="anchor",
        count=3,
        ratio=0.5,
        flag=True,
        who=demo.users["grace"],
        where=demo.channels["support"],
        role=demo.roles["Member"],
    )
    reply = await view.wait_reply(FORGIVING)
    assert (reply["content"], reply["author"]["id"]) == ("echo: anchor", str(troupe.bot_id))
    assert reply["interaction_metadata"]["user"]["id"] == str(alan.id)
    got = await troupe.bot.wait("command", since=since, path="probe echo")
    assert {key: got[key] for key in ("text", "count", "ratio", "flag", "user", "channel")} == {
        "text": "anchor",
        "count": 3,
        "ratio": 0.5,
        "flag": True,
        "user": str(alan.id),
        "channel": str(troupe.here),
    }
    assert (got["who"], got["where"], got["role"]) == (
        str(demo.users["grace"]),
        str(demo.channels["support"]),
        str(demo.roles["Member"]),
    )
    await troupe.bot.wait("original", since=since, id=reply["id"], content="echo: anchor")
    offered = await alan.autocomplete(troupe.here, "/probe echo", "text", "b", count=1)
    assert offered == [{"name": "Beacon", "value": "beacon"}, {"name": "Buoy", "value": "buoy"}]
    await troupe.bot.wait("autocomplete", since=since, current="b")


async def components(troupe: Troupe) -> None:
    """A button changes its message; selects are answered in private, which only one person sees."""
    since, alan, grace = troupe.mark(), troupe.person("alan"), troupe.person("grace")
    shown = await alan.slash(troupe.here, "/probe buttons").wait_reply(FORGIVING)
    picked = await alan.click(int(shown["id"]), "pick", ["buoy", "anchor"]).wait_reply(FORGIVING)
    assert set(picked["content"].split()) == {"buoy", "anchor"}
    assert picked["flags"] & 1 << 6
    assert picked["id"] not in {m["id"] for m in grace.visible_messages(troupe.here)}
    await troupe.bot.wait("select", since=since)
    noted = await grace.click(int(shown["id"]), "person", [alan.id]).wait_reply(FORGIVING)
    assert noted["content"] == "noted"
    await troupe.bot.wait("person", since=since, values=[str(alan.id)])
    pressed = grace.click(int(shown["id"]), "press")
    await pressed.wait_done(FORGIVING)
    await troupe.bot.wait("button", since=since, custom_id="press", user=str(grace.id))
    await wait_until(
        lambda: any(m["content"] == "pressed" for m in grace.visible_messages(troupe.here)), within=FORGIVING
    )


async def modal(troupe: Troupe) -> None:
    """A form opens, is filled in, and is answered by a deferred private message and a follow-up."""
    since, alan = troupe.mark(), troupe.person("alan")
    form = await alan.slash(troupe.here, "/probe form").wait_modal(FORGIVING)
    assert form.title == "A form"
    assert list(form.fields) == ["name", "story"]
    view = alan.submit(form, name="Alan")
    await view.wait_reply(FORGIVING, count=2)
    assert [m["content"] for m in view.messages] == ["Thank you, Alan", "filed"]
    assert all(message["flags"] & 1 << 6 for message in view.messages)
    await troupe.bot.wait("modal", since=since, name="Alan", story="once upon a time")


async def deferral(troupe: Troupe) -> None:
    """A deferred answer is filled in, follow-ups come and go, one is private; silence fails after 3 s."""
    since, alan = troupe.mark(), troupe.person("alan")
    silent = troupe.person("grace").slash(troupe.here, "/probe silent")
    view = alan.slash(troupe.here, "/probe slow")
    told = await troupe.bot.wait("slow", since=since)
    assert [m["content"] for m in view.messages] == ["done thinking", "only for you"]
    assert told["secret"] == view.messages[1]["id"]
    assert told["private"] is True
    everybody = {m["id"] for m in troupe.person("margaret").visible_messages(troupe.here)}
    assert view.messages[0]["id"] in everybody
    assert told["secret"] not in everybody
    assert told["further"] not in everybody
    await troupe.bot.wait("silent", since=since)
    await silent.wait_failed(FORGIVING)


async def resume(troupe: Troupe) -> None:
    """The socket is lost in four ways; the session is resumed and every missed event comes exactly once."""
    ways: tuple[tuple[GatewayFault, JSON], ...] = (
        (GatewayFault.DROP, {}),
        (GatewayFault.RECONNECT, {}),
        (GatewayFault.CLOSE, {"close_code": 4000}),
        (GatewayFault.DROP, {"after": 4}),
    )
    everything = troupe.mark()
    for number, (kind, more) in enumerate(ways):
        since, alan = troupe.mark(), troupe.person("alan")
        troupe.drop(kind, **more)
        said = [alan.say(troupe.here, f"missed {number}.{count}") for count in range(6)]
        alan.edit(troupe.here, int(said[0]["id"]), f"missed {number}.0, edited")
        alan.react(troupe.here, int(said[1]["id"]), "\N{EYES}")
        alan.delete(troupe.here, int(said[2]["id"]))
        await troupe.bot.wait("resumed", since=since)
        await troupe.step("direct", user=str(alan.id))
        seen = [line["id"] for line in troupe.bot.seen("message", since=since, author=str(alan.id))]
        assert seen == [message["id"] for message in said], kind
        for saw, fields in (
            ("edit", {"id": said[0]["id"]}),
            ("reaction", {"message": said[1]["id"]}),
            ("delete", {"id": said[2]["id"]}),
        ):
            assert len(troupe.bot.seen(saw, since=since, **fields)) == 1, (kind, saw)
    assert troupe.bot.seen("ready", since=everything) == []
    assert troupe.bot.seen("session", since=everything) == []
    assert len(troupe.bot.seen("resumed", since=everything)) == len(ways)
    assert not troupe.sandbox.faults.gateway


ACTS: tuple[Callable[[Troupe], Awaitable[None]], ...] = (
    login,
    members,
    chat,
    people,
    file,
    pins,
    thread,
    roles,
    channels,
    moderate,
    invites,
    direct,
    refusals,
    commands,
    components,
    modal,
    deferral,
    resume,
)

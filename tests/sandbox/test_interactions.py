"""The life of interactions, from a person's click to the bot's answer, over real sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from alphapy.sandbox.invoking import ClientRefusal
from alphapy.sandbox.person import NoAnswer
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import JSON, Gateway, Running, gateway, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COMMANDS: list[JSON] = [
    {"name": "ping", "description": "Answer"},
    {
        "name": "cc",
        "description": "Custom commands",
        "options": [
            {
                "type": 1,
                "name": "add",
                "description": "Add one",
                "options": [
                    {
                        "type": 3,
                        "name": "name",
                        "description": "Its name",
                        "required": True,
                        "max_length": 10,
                    },
                    {"type": 4, "name": "uses", "description": "How often", "min_value": 1, "max_value": 9},
                    {"type": 5, "name": "loud", "description": "Loudly"},
                    {"type": 6, "name": "who", "description": "For whom"},
                    {"type": 7, "name": "where", "description": "Where"},
                    {"type": 8, "name": "role", "description": "Which role"},
                    {
                        "type": 3,
                        "name": "mode",
                        "description": "How",
                        "choices": [{"name": "Exact", "value": "exact"}],
                    },
                ],
            },
            {
                "type": 2,
                "name": "edit",
                "description": "Edit",
                "options": [
                    {
                        "type": 1,
                        "name": "name",
                        "description": "Its name",
                        "options": [{"type": 3, "name": "old", "description": "Old", "autocomplete": True}],
                    }
                ],
            },
        ],
    },
    {"name": "kick", "description": "Moderators only", "default_member_permissions": "2"},
]
BUTTONS: list[JSON] = [
    {
        "type": 1,
        "components": [
            {"type": 2, "style": 1, "label": "Yes", "custom_id": "v1:yes"},
            {"type": 2, "style": 4, "label": "No", "custom_id": "v1:no", "disabled": True},
        ],
    },
    {
        "type": 1,
        "components": [
            {
                "type": 3,
                "custom_id": "pick",
                "max_values": 2,
                "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}],
            }
        ],
    },
    {"type": 1, "components": [{"type": 8, "custom_id": "channel"}]},
]
MODAL: JSON = {
    "custom_id": "v1:edit",
    "title": "Edit",
    "components": [
        {
            "type": 1,
            "components": [
                {
                    "type": 4,
                    "custom_id": "response",
                    "label": "Response",
                    "style": 2,
                    "value": "old",
                    "max_length": 20,
                }
            ],
        },
        {
            "type": 18,
            "label": "Reason",
            "component": {"type": 4, "custom_id": "reason", "style": 1, "required": False},
        },
    ],
}


@asynccontextmanager
async def listening(tuning: Tuning | None = None) -> AsyncIterator[tuple[Running, Gateway]]:
    """A sandbox with a bot that has registered its commands and is logged in."""
    async with running(tuning) as here, gateway(here) as bot:
        answer = await here.rest.put(here.commands_url, json=COMMANDS)
        assert answer.status_code == 200, answer.text
        await bot.login()
        yield here, bot


async def _interaction(bot: Gateway) -> JSON:
    return await bot.until("INTERACTION_CREATE")


async def test_a_slash_command_carries_nested_options_and_what_ids_stand_for() -> None:
    async with listening() as (here, bot):
        alan, role = here.demo.users["alan"], here.demo.roles["Member"]
        here.person("margaret").slash(
            here.channel(),
            "/cc add",
            name="hi",
            uses=3,
            loud=True,
            who=alan,
            where=here.channel("support"),
            role=role,
            mode="exact",
        )
        heard = await _interaction(bot)
        assert (heard["type"], heard["data"]["name"], heard["data"]["type"]) == (2, "cc", 1)
        (sub,) = heard["data"]["options"]
        assert (sub["name"], sub["type"]) == ("add", 1)
        values = {option["name"]: option["value"] for option in sub["options"]}
        assert values == {
            "name": "hi",
            "uses": 3,
            "loud": True,
            "who": str(alan),
            "where": str(here.channel("support")),
            "role": str(role),
            "mode": "exact",
        }
        resolved = heard["data"]["resolved"]
        assert resolved["users"][str(alan)]["username"] == "alan"
        assert "user" not in resolved["members"][str(alan)]
        assert resolved["channels"][str(here.channel("support"))]["name"] == "support"
        assert resolved["roles"][str(role)]["name"] == "Member"
        assert heard["member"]["user"]["id"] == str(here.demo.users["margaret"])
        assert int(heard["member"]["permissions"]) & (1 << 11)
        assert heard["guild_id"] == str(here.demo.guild_id)
        assert heard["channel"]["id"] == heard["channel_id"] == str(here.channel())


async def test_an_answer_is_seen_by_all_and_a_private_one_by_one_member_only() -> None:
    async with listening() as (here, bot):
        margaret, alan = here.person("margaret"), here.person("alan")
        first = margaret.slash(here.channel(), "ping")
        assert (await here.callback(await _interaction(bot), 4, {"content": "Pong"})).status_code == 204
        assert (await first.wait_reply())["content"] == "Pong"
        public = await bot.until("MESSAGE_CREATE")
        assert public["interaction_metadata"]["user"]["id"] == str(margaret.id)
        assert (public["type"], public["webhook_id"]) == (20, str(here.demo.application_id))
        second = margaret.slash(here.channel(), "ping")
        heard = await _interaction(bot)
        await here.callback(heard, 4, {"content": "Only you", "flags": 64})
        private = await second.wait_reply()
        assert [m["content"] for m in margaret.visible_messages(here.channel())] == ["Pong", "Only you"]
        assert [m["content"] for m in alan.visible_messages(here.channel())] == ["Pong"]
        listed = (await here.rest.get(f"{here.general}/messages")).json()
        assert [m["content"] for m in listed] == ["Pong"]
        direct = await here.rest.get(f"{here.general}/messages/{private['id']}")
        assert (direct.status_code, direct.json()["code"]) == (404, 10008)
        mine = await here.rest.get(here.webhook(heard, "/messages/@original"))
        assert mine.json()["content"] == "Only you"
        with pytest.raises(ClientRefusal):
            alan.click(int(private["id"]), "x")
        margaret.delete(here.channel(), int(private["id"]))
        assert [m["content"] for m in margaret.visible_messages(here.channel())] == ["Pong"]
        alan.say(here.channel(), "after that")
        assert (await bot.until("MESSAGE_CREATE"))["content"] == "after that"


async def test_a_deferred_answer_is_filled_in_by_an_edit() -> None:
    async with listening() as (here, bot):
        view = here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        answer = await here.rest.post(
            f"/interactions/{heard['id']}/{heard['token']}/callback?with_response=true", json={"type": 5}
        )
        assert answer.status_code == 200
        assert answer.json()["interaction"]["response_message_loading"] is True
        assert view.state.value == "thinking"
        assert view.messages == []
        loading = await bot.until("MESSAGE_CREATE")
        assert loading["flags"] & 128
        edited = await here.rest.patch(here.webhook(heard, "/messages/@original"), json={"content": "Done"})
        assert edited.json()["content"] == "Done"
        assert (await view.wait_reply())["content"] == "Done"
        assert view.state.value == "done"
        assert (await bot.until("MESSAGE_UPDATE"))["flags"] & 128 == 0
        assert edited.json()["edited_timestamp"] is None


async def test_the_first_follow_up_fills_a_deferral_in_and_keeps_it_private() -> None:
    async with listening() as (here, bot):
        view = here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        await here.callback(heard, 5, {"flags": 64})
        sent = await here.rest.post(here.webhook(heard), json={"content": "First"})
        assert sent.json()["flags"] & 64
        more = await here.rest.post(here.webhook(heard), json={"content": "Second"})
        assert not more.json()["flags"] & 64
        assert more.json()["message_reference"]["message_id"] == sent.json()["id"]
        await view.wait_done()
        assert [message["content"] for message in view.messages] == ["First", "Second"]
        assert len(here.person("ada").visible_messages(here.channel())) == 1


async def test_messages_of_an_interaction_are_edited_and_deleted_by_its_token() -> None:
    async with listening() as (here, bot):
        view = here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        await here.callback(heard, 4, {"content": "One"})
        more = (await here.rest.post(here.webhook(heard), json={"content": "Two", "flags": 64})).json()
        at = here.webhook(heard, f"/messages/{more['id']}")
        assert (await here.rest.patch(at, json={"content": "Two!"})).json()["content"] == "Two!"
        assert (await here.rest.get(at)).json()["edited_timestamp"] is not None
        assert (await here.rest.delete(at)).status_code == 204
        assert (await here.rest.get(at)).json()["code"] == 10008
        assert (await here.rest.delete(here.webhook(heard, "/messages/@original"))).status_code == 204
        assert view.messages == []
        other = here.person("ada").say(here.channel(), "mine")
        at = here.webhook(heard, f"/messages/{other['id']}")
        assert (await here.rest.patch(at, json={"content": "stolen"})).json()["code"] == 10008


async def test_an_interaction_can_be_acknowledged_once() -> None:
    async with listening() as (here, bot):
        here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        early = await here.rest.post(here.webhook(heard), json={"content": "too early"})
        assert (early.status_code, early.json()["code"]) == (404, 10015)
        assert (await here.callback(heard, 4, {"content": "Pong"})).status_code == 204
        again = await here.callback(heard, 4, {"content": "Pong"})
        assert (again.status_code, again.json()["code"]) == (400, 40060)


@pytest.mark.parametrize("wrong", ["id", "token"])
async def test_an_unknown_interaction(wrong: str) -> None:
    async with listening() as (here, bot):
        here.person("alan").slash(here.channel(), "ping")
        heard = {**(await _interaction(bot)), wrong: "123"}
        answer = await here.callback(heard, 4, {"content": "Pong"})
        assert (answer.status_code, answer.json()["code"]) == (404, 10062)
        webhook = await here.rest.post(here.webhook({"token": "123"}), json={"content": "x"})
        assert (webhook.status_code, webhook.json()["code"]) == (404, 10015)


async def test_an_interaction_that_nobody_acknowledges_fails() -> None:
    async with listening(Tuning(acknowledge_within=0.1)) as (here, bot):
        view = here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        with pytest.raises(NoAnswer, match="did not respond"):
            await view.wait_reply()
        assert view.failed
        late = await here.callback(heard, 4, {"content": "Pong"})
        assert (late.status_code, late.json()["code"]) == (404, 10062)


async def test_without_a_bot_an_interaction_fails_and_suggestions_are_empty() -> None:
    async with running(Tuning(acknowledge_within=0.1)) as here:
        await here.rest.put(here.commands_url, json=COMMANDS)
        alan = here.person("alan")
        view = alan.slash(here.channel(), "ping")
        await view.wait_failed()
        assert await alan.autocomplete(here.channel(), "/cc edit name", "old", "x") == []


async def test_the_token_expires() -> None:
    async with listening(Tuning(token_lifetime=0.2)) as (here, bot):
        view = here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        await here.callback(heard, 5)
        await view.wait_failed()
        late = await here.rest.patch(here.webhook(heard, "/messages/@original"), json={"content": "x"})
        assert (late.status_code, late.json()["code"]) == (401, 50027)


async def test_suggestions_while_typing() -> None:
    async with listening() as (here, bot), trio.open_nursery() as nursery:
        found: list[JSON] = []

        async def type_it() -> None:
            found.extend(
                await here.person("alan").autocomplete(here.channel(), "/cc edit name", "old", "hel")
            )

        nursery.start_soon(type_it)
        heard = await _interaction(bot)
        assert heard["type"] == 4
        (group,) = heard["data"]["options"]
        assert group["options"][0]["options"] == [{"name": "old", "type": 3, "value": "hel", "focused": True}]
        wrong = await here.callback(heard, 4, {"content": "no"})
        assert wrong.json()["code"] == 50035
        too_many = [{"name": "x", "value": "x"}] * 26
        assert (await here.callback(heard, 8, {"choices": too_many})).json()["code"] == 50035
        assert (await here.callback(heard, 8, {"choices": [{"name": "", "value": 3}]})).json()[
            "code"
        ] == 50035
        await here.callback(heard, 8, {"choices": [{"name": "Hello", "value": "hello"}]})
        with trio.fail_after(5):
            await here.demo.world.feed.wait_until(lambda: bool(found))
        assert found == [{"name": "Hello", "value": "hello"}]


async def _with_buttons(here: Running) -> int:
    sent = await here.rest.post(f"{here.general}/messages", json={"content": "Sure?", "components": BUTTONS})
    assert sent.status_code == 200, sent.text
    return int(sent.json()["id"])


async def test_a_button_updates_the_message_it_is_on() -> None:
    async with listening() as (here, bot):
        message_id = await _with_buttons(here)
        view = here.person("alan").click(message_id, "v1:yes")
        heard = await _interaction(bot)
        assert (heard["type"], heard["message"]["id"]) == (3, str(message_id))
        assert (heard["data"]["custom_id"], heard["data"]["component_type"]) == ("v1:yes", 2)
        await here.callback(heard, 7, {"content": "Sure!", "components": []})
        await view.wait_done()
        (shown,) = here.person("ada").visible_messages(here.channel())
        assert (shown["content"], shown["components"]) == ("Sure!", [])
        assert (await here.rest.get(here.webhook(heard, "/messages/@original"))).json()["id"] == str(
            message_id
        )


async def test_a_button_can_be_deferred_and_answered_below() -> None:
    async with listening() as (here, bot):
        message_id = await _with_buttons(here)
        view = here.person("alan").click(message_id, "v1:yes")
        heard = await _interaction(bot)
        await here.callback(heard, 6)
        await view.wait_done()
        await here.rest.patch(here.webhook(heard, "/messages/@original"), json={"content": "Later"})
        assert here.person("ada").visible_messages(here.channel())[0]["content"] == "Later"
        view = here.person("alan").click(message_id, "v1:yes")
        await here.callback(await _interaction(bot), 4, {"content": "below", "flags": 64})
        reply = await view.wait_reply()
        assert reply["message_reference"]["message_id"] == str(message_id)


async def test_select_menus_send_values_and_what_they_stand_for() -> None:
    async with listening() as (here, bot):
        message_id = await _with_buttons(here)
        alan = here.person("alan")
        alan.click(message_id, "pick", ["a", "b"])
        assert (await _interaction(bot))["data"]["values"] == ["a", "b"]
        alan.click(message_id, "channel", [here.channel()])
        data = (await _interaction(bot))["data"]
        assert data["resolved"]["channels"][str(here.channel())]["name"] == "general"
        refused: list[tuple[str, list[Any]]] = [
            ("pick", []),
            ("pick", ["z"]),
            ("channel", [1]),
            ("v1:no", []),
            ("nowhere", []),
            ("v1:yes", ["x"]),
        ]
        for custom_id, values in refused:
            with pytest.raises(ClientRefusal):
                alan.click(message_id, custom_id, values)


async def test_a_modal_opens_is_filled_and_answered() -> None:
    async with listening() as (here, bot):
        alan = here.person("alan")
        view = alan.slash(here.channel(), "ping")
        heard = await _interaction(bot)
        assert (await here.callback(heard, 9, {**MODAL, "title": "x" * 46})).json()["code"] == 50035
        await here.callback(heard, 9, MODAL)
        modal = await view.wait_modal()
        assert (modal.title, modal.custom_id) == ("Edit", "v1:edit")
        assert [field["label"] for field in modal.fields.values()] == ["Response", "Reason"]
        with pytest.raises(ClientRefusal):
            alan.submit(modal, nonsense="x")
        with pytest.raises(ClientRefusal):
            alan.submit(modal, response="")
        with pytest.raises(ClientRefusal):
            alan.submit(modal, response="x" * 21)
        submitted = alan.submit(modal, response="new")
        heard = await _interaction(bot)
        assert (heard["type"], heard["data"]["custom_id"]) == (5, "v1:edit")
        row, label = heard["data"]["components"]
        assert (row["type"], row["components"][0]["value"]) == (1, "new")
        assert (label["type"], label["component"]["value"]) == (18, "")
        assert "message" not in heard
        for kind in (6, 7, 9):
            assert (await here.callback(heard, kind, {"content": "x"})).json()["code"] == 50035
        await here.callback(heard, 4, {"content": "Saved"})
        assert (await submitted.wait_reply())["content"] == "Saved"


async def test_a_modal_from_a_button_can_update_its_message() -> None:
    async with listening() as (here, bot):
        message_id = await _with_buttons(here)
        alan = here.person("alan")
        view = alan.click(message_id, "v1:yes")
        await here.callback(await _interaction(bot), 9, MODAL)
        alan.submit(await view.wait_modal())
        heard = await _interaction(bot)
        assert heard["message"]["id"] == str(message_id)
        assert heard["data"]["components"][0]["components"][0]["value"] == "old"
        await here.callback(heard, 7, {"content": "Changed"})
        assert alan.visible_messages(here.channel())[0]["content"] == "Changed"
        await here.rest.post(here.webhook(heard), json={"content": "And more"})
        metadata = alan.visible_messages(here.channel())[1]["interaction_metadata"]
        assert (metadata["type"], metadata["original_response_message_id"]) == (5, str(message_id))
        triggering = metadata["triggering_interaction_metadata"]
        assert (triggering["type"], triggering["interacted_message_id"]) == (3, str(message_id))


@pytest.mark.parametrize("kind", [1, 6, 7, 8, 10, 99, None, "x"])
async def test_a_command_cannot_be_answered_in_every_way(kind: Any) -> None:
    async with listening() as (here, bot):
        here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        answer = await here.callback(heard, kind, {"content": "x"})
        assert (answer.status_code, answer.json()["code"]) == (400, 50035)
        assert (await here.callback(heard, 4, {"content": "still open"})).status_code == 204


async def test_a_bad_answer_leaves_the_interaction_open() -> None:
    async with listening() as (here, bot):
        here.person("alan").slash(here.channel(), "ping")
        heard = await _interaction(bot)
        assert (await here.callback(heard, 4, {"content": "x" * 2001})).json()["code"] == 50035
        assert (await here.callback(heard, 4, {"content": ""})).json()["code"] == 50006
        assert (await here.callback(heard, 4, {"content": "ok"})).status_code == 204


async def test_commands_work_in_direct_messages() -> None:
    async with listening() as (here, bot):
        alan = here.person("alan")
        channel = alan.direct(here.demo.application_id)
        view = alan.slash(channel, "ping")
        heard = await _interaction(bot)
        assert (heard["user"]["username"], heard["context"]) == ("alan", 1)
        assert "member" not in heard
        assert "guild_id" not in heard
        await here.callback(heard, 4, {"content": "Hello in private"})
        assert (await view.wait_reply())["content"] == "Hello in private"


async def test_a_client_refuses_what_it_would_not_send() -> None:
    async with listening() as (here, bot):
        alan = here.person("alan")
        bad: list[tuple[str, JSON]] = [
            ("/nope", {}),
            ("/cc", {}),
            ("/cc nope", {}),
            ("/cc edit", {}),
            ("/cc add", {}),
            ("/cc add", {"name": "much too long"}),
            ("/cc add", {"name": "x", "uses": 10}),
            ("/cc add", {"name": "x", "uses": "3"}),
            ("/cc add", {"name": "x", "loud": 1}),
            ("/cc add", {"name": "x", "mode": "none"}),
            ("/cc add", {"name": "x", "who": 1}),
            ("/cc add", {"name": "x", "unknown": 1}),
            ("/kick", {}),
        ]
        for path, options in bad:
            with pytest.raises(ClientRefusal):
                alan.slash(here.channel(), path, **options)
        here.person("grace").slash(here.channel(), "/kick")
        assert (await _interaction(bot))["data"]["name"] == "kick"
        with pytest.raises(ClientRefusal):
            alan.view(1)


async def test_what_is_watched_is_what_one_person_sees() -> None:
    async with listening() as (here, bot):
        alan, ada = here.person("alan"), here.person("ada")
        his, end = here.demo.world.watch(alan.id)
        hers, _ = here.demo.world.watch(ada.id)
        alan.slash(here.channel(), "ping")
        await here.callback(await _interaction(bot), 4, {"content": "psst", "flags": 64})
        ada.say(here.channel("moderators"), "staff only")
        ada.say(here.channel(), "all")
        seen = []
        while True:
            event = await his.receive()
            seen.append((event["type"], event["data"].get("content") or event["data"].get("state")))
            if event["data"].get("content") == "all":
                break
        assert seen == [
            ("INTERACTION_STATE", "waiting"),
            ("MESSAGE_CREATE", "psst"),
            ("INTERACTION_STATE", "done"),
            ("MESSAGE_CREATE", "all"),
        ]
        assert [(await hers.receive())["data"]["content"] for _ in range(2)] == ["staff only", "all"]
        end()
        end()
        with pytest.raises(trio.EndOfChannel):
            await his.receive()


async def test_a_watcher_that_falls_behind_is_ended() -> None:
    async with running() as here:
        events, _ = here.demo.world.watch(here.demo.owner_id)
        for number in range(501):
            here.person("alan").say(here.channel(), f"{number}")
        count = 0
        with pytest.raises(trio.EndOfChannel):
            while True:
                await events.receive()
                count += 1
        assert count == 500

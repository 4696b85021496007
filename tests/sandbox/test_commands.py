"""Registration of application commands: ids kept, limits enforced, who is offered what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import JSON, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False)


def _command(name: str = "ping", **fields: object) -> JSON:
    return {"name": name, "description": "Answer", **fields}


def _option(kind: int = 3, name: str = "text", **fields: object) -> JSON:
    return {"type": kind, "name": name, "description": "A value", **fields}


async def test_a_bulk_overwrite_keeps_ids_and_versions_where_nothing_changed() -> None:
    async with running(UNLIMITED) as here:
        bodies = [_command("one"), _command("two")]
        first = (await here.rest.put(here.commands_url, json=bodies)).json()
        same = (await here.rest.put(here.commands_url, json=bodies)).json()
        assert same == first
        bodies[1]["description"] = "Changed"
        changed = (await here.rest.put(here.commands_url, json=[bodies[1], _command("three")])).json()
        assert [command["name"] for command in changed] == ["two", "three"]
        assert changed[0]["id"] == first[1]["id"]
        assert changed[0]["version"] != first[1]["version"]
        assert (await here.rest.get(here.commands_url)).json() == changed


async def test_single_commands_are_made_changed_and_removed() -> None:
    async with running(UNLIMITED) as here:
        url = f"/applications/{here.demo.application_id}/guilds/{here.demo.guild_id}/commands"
        made = await here.rest.post(url, json=_command())
        assert (made.status_code, made.json()["guild_id"]) == (201, str(here.demo.guild_id))
        again = await here.rest.post(url, json=_command(description="Other"))
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        at = f"{url}/{made.json()['id']}"
        assert (await here.rest.patch(at, json={"nsfw": True})).json()["nsfw"] is True
        assert (await here.rest.get(at)).json()["description"] == "Other"
        assert (await here.rest.delete(at)).status_code == 204
        assert (await here.rest.get(at)).json()["code"] == 10063
        for other in (
            "/applications/1/commands",
            f"/applications/{here.demo.application_id}/guilds/1/commands",
        ):
            assert (await here.rest.get(other)).json()["code"] == 50001


LARGE = [
    _option(
        name=f"o{n}", description="y" * 100, choices=[{"name": "n" * 90, "value": f"{m}"} for m in range(20)]
    )
    for n in range(9)
]


def _paths(node: JSON, trail: str = "") -> list[str]:
    found = []
    for key, inner in node.items():
        if key == "_errors":
            found.append(f"{trail} {inner[0]['code']}")
        else:
            found += _paths(inner, f"{trail}.{key}".strip("."))
    return found


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (_command("Ping"), "0.name APPLICATION_COMMAND_INVALID_NAME"),
        (_command("a b"), "0.name APPLICATION_COMMAND_INVALID_NAME"),
        (_command("x" * 33), "0.name APPLICATION_COMMAND_INVALID_NAME"),
        ({"description": "x"}, "0.name BASE_TYPE_REQUIRED"),
        (_command(type=9), "0.type BASE_TYPE_CHOICES"),
        (_command(description="x" * 101), "0.description BASE_TYPE_MAX_LENGTH"),
        (_command(description=""), "0.description BASE_TYPE_BAD_LENGTH"),
        (_command(type=2), "0.description APPLICATION_COMMAND_CONTEXT_MENU"),
        (_command(options=[_option(name=f"o{n}") for n in range(26)]), "0.options BASE_TYPE_MAX_LENGTH"),
        (
            _command(options=[_option(), _option()]),
            "0.options.1.name APPLICATION_COMMAND_OPTIONS_NAME_INVALID",
        ),
        (
            _command(options=[_option(), _option(name="b", required=True)]),
            "0.options.1 APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (_command(options=[_option(kind=12)]), "0.options.0.type BASE_TYPE_CHOICES"),
        (_command(options=[{"type": 3, "description": "x"}]), "0.options.0.name BASE_TYPE_REQUIRED"),
        (_command(options=[_option(1), _option()]), "0.options APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
        (
            _command(options=[_option(1, options=[_option(1)])]),
            "0.options.0.options APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (_command(options=[_option(2)]), "0.options.0.options BASE_TYPE_REQUIRED"),
        (
            _command(options=[_option(choices=[{"name": f"{n}", "value": f"{n}"} for n in range(26)])]),
            "0.options.0.choices BASE_TYPE_MAX_LENGTH",
        ),
        (
            _command(options=[_option(4, choices=[{"name": "x", "value": "x"}])]),
            "0.options.0.choices.0.value NUMBER_TYPE_COERCE",
        ),
        (
            _command(options=[_option(5, choices=[{"name": "x", "value": "x"}])]),
            "0.options.0 APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID",
        ),
        (
            _command(options=[_option(autocomplete=True, choices=[{"name": "x", "value": "x"}])]),
            "0.options.0.choices APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES",
        ),
        (_command(options=[_option(4, min_value=2, max_value=1)]), "0.options.0.min_value NUMBER_TYPE_MAX"),
        (_command(options=LARGE), "0 APPLICATION_COMMAND_TOO_LARGE"),
        ("no object", "0 DICT_TYPE_CONVERT"),
    ],
)
async def test_every_published_limit_is_enforced(command: JSON | str, problem: str) -> None:
    async with running(UNLIMITED) as here:
        answer = await here.rest.put(here.commands_url, json=[command])
        assert (answer.status_code, answer.json()["code"]) == (400, 50035)
        assert problem in _paths(answer.json()["errors"])


async def test_names_are_unique_and_numbers_bounded() -> None:
    async with running(UNLIMITED) as here:
        twice = await here.rest.put(here.commands_url, json=[_command(), _command()])
        assert _paths(twice.json()["errors"]) == ["1.name APPLICATION_COMMANDS_DUPLICATE_NAME"]
        both = await here.rest.put(here.commands_url, json=[_command(), {"name": "ping", "type": 2}])
        assert both.status_code == 200
        full = [_command(f"c{n}") for n in range(100)]
        assert (await here.rest.put(here.commands_url, json=full)).status_code == 200
        assert (await here.rest.post(here.commands_url, json=_command("more"))).json()["code"] == 30032
        answer = await here.rest.put(here.commands_url, json=[*full, _command("more")])
        assert answer.json()["code"] == 30032
        assert _is_form_error(await here.rest.put(here.commands_url, json={"name": "x"}))
        assert _is_form_error(await here.rest.post(here.commands_url, json=["x"]))


def _is_form_error(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (400, 50035)


async def test_people_are_offered_what_they_may_use() -> None:
    async with running(UNLIMITED) as here:
        guild_url = f"/applications/{here.demo.application_id}/guilds/{here.demo.guild_id}/commands"
        await here.rest.put(
            here.commands_url,
            json=[
                _command("all"),
                _command("shadowed"),
                _command("managers", default_member_permissions=str(1 << 5)),
                _command("nobody", default_member_permissions="0"),
                _command("guilds", dm_permission=False),
                _command("private", contexts=[1]),
            ],
        )
        await here.rest.put(guild_url, json=[_command("shadowed", description="Guild")])

        def offered(username: str, channel: int) -> list[str]:
            return sorted(command["name"] for command in here.person(username).commands(channel))

        assert offered("alan", here.channel()) == ["all", "guilds", "shadowed"]
        assert offered("linus", here.channel()) == ["all", "guilds", "managers", "nobody", "shadowed"]
        (shadowed,) = [c for c in here.person("alan").commands(here.channel()) if c["name"] == "shadowed"]
        assert shadowed["description"] == "Guild"
        direct = here.person("alan").direct(here.demo.application_id)
        assert offered("alan", direct) == ["all", "managers", "nobody", "private", "shadowed"]
        here.demo.world.channels.set_overwrite(
            here.demo.owner_id, here.channel(), here.demo.users["alan"], {"type": 1, "deny": str(1 << 31)}
        )
        assert offered("alan", here.channel()) == []

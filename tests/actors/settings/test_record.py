"""How changes of settings are told: always within what an embed and an event may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.messages import SettingWritten, Source
from alphapy.actors.settings.record import LISTED, audit, event_of_one
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from alphapy.pure.settings import SettingDef

REGISTRY = setting_registry()
EVERYTHING = [definition for scope in REGISTRY.scopes() for definition in REGISTRY.scope(scope)]


def written(definition: SettingDef, new: object) -> SettingWritten:
    return SettingWritten(
        scope=definition.scope, key=definition.key, old=definition.default, new=new, is_reset=False
    )


def test_of_many_keys_some_are_named_and_the_rest_counted() -> None:
    told = audit([written(definition, "`" * 5000) for definition in EVERYTHING], REGISTRY, 9)
    lines = told.description.splitlines()
    assert len(lines) == LISTED + 2
    assert lines[-2:] == [f"and {len(EVERYTHING) - LISTED} more", "By <@9>"]
    assert len(told.description) <= 4096
    assert len(told.title) <= 256


def test_no_value_formats_or_pings() -> None:
    template = REGISTRY.definition("invites", "with_inviter_template")
    told = audit([written(template, "@everyone `code` **bold**\n<@1>")], REGISTRY, 9)
    assert told.description.splitlines()[0] == (
        "`invites.with_inviter_template`: `@everyone ˋcodeˋ **bold** <@1>`"
    )


def test_the_value_of_an_event_is_short() -> None:
    roles = REGISTRY.definition("automod", "exempt_role_ids")
    event = event_of_one(
        GuildId(1), written(roles, tuple(range(10**18, 10**18 + 50))), actor_id=9, source=Source.WIZARD
    )
    assert len(event.details["value"]) == 100
    assert event.details["source"] == "command"

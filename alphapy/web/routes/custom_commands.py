"""A guild's custom commands (spec/api.md 7.7.9, spec/moderation.md 7).

Everything goes through the guild's actor, which answers messages by them: what is saved is in force before
the answer comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from alphapy.actors.custom_commands.messages import AddCommand, AmendCommand, ListCommands, RemoveCommand
from alphapy.actors.kernel.address import Address
from alphapy.pure.custom_commands import (
    MAX_COMMANDS,
    MAX_NAME,
    MAX_RESPONSE,
    MAX_TRIGGER,
    Amendment,
    CustomCommand,
    Draft,
    Flaw,
    FlawKind,
    TriggerType,
    clean_name,
    flaw_of_texts,
    is_name,
)
from alphapy.pure.ids import GuildId
from alphapy.storage.custom_commands import NotAdded
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError, not_found
from alphapy.web.routes.dashboard import ActorDesk, actor_of
from alphapy.web.routing.fields import BrusselsTime, Snow
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.web.sources import Sources

TAG: Final = "Custom commands"
PATH: Final = "/api/dashboard/{guild_id}/custom-commands"
ONE: Final = PATH + "/{name:path}"

_FLAWS: Final = {
    FlawKind.NAME: f"A name has 1 to {MAX_NAME} characters: letters, digits, spaces, _, - and dots.",
    FlawKind.TRIGGER: f"A trigger has 1 to {MAX_TRIGGER} characters, not counting spaces at its ends.",
    FlawKind.RESPONSE: f"A response has 1 to {MAX_RESPONSE} characters, not counting spaces at its ends.",
}


@attrs.frozen(kw_only=True)
class CommandItem:
    """A command: messages that match ``trigger_value`` are answered with ``response``.

    ``trigger_type`` is ``exact``, ``starts_with``, ``contains`` or ``regex``; another one never matches.
    ``delete_trigger``: the message that matched is deleted. ``reply_to_user``: the answer is a reply to it.
    ``uses`` counts the answers. ``created_by`` is the Discord user, where that is known.
    """

    id: int
    guild_id: Snow
    name: str
    trigger_type: str
    trigger_value: str
    response: str
    enabled: bool
    case_sensitive: bool
    delete_trigger: bool
    reply_to_user: bool
    uses: int
    created_by: Snow | None
    created_at: BrusselsTime | None
    updated_at: BrusselsTime | None


@attrs.frozen
class CommandList:
    """By name."""

    commands: list[CommandItem]


@attrs.frozen
class OneCommand:
    """The command as it is stored now."""

    command: CommandItem


@attrs.frozen(kw_only=True)
class NewCommand:
    """The texts are trimmed; the name becomes lower case.

    A name has 1 to 50 characters, a trigger 1 to 200, a response 1 to 1900.
    """

    name: str
    trigger_type: TriggerType
    trigger_value: str
    response: str
    case_sensitive: bool = False
    delete_trigger: bool = False
    reply_to_user: bool = True


@attrs.frozen(kw_only=True)
class CommandUpdate:
    """What shall be different; what is left out or null stays."""

    trigger_type: TriggerType | None = None
    trigger_value: str | None = None
    response: str | None = None
    enabled: bool | None = None
    case_sensitive: bool | None = None
    delete_trigger: bool | None = None
    reply_to_user: bool | None = None


@attrs.frozen
class Deleted:
    """It is gone."""

    success: bool = True


@attrs.frozen
class CommandRoutes:
    """The handlers."""

    _desk: ActorDesk

    async def list_all(self, call: Call) -> Reply:
        """Every command."""
        commands = await self._desk.ask(_commands_of(call.guild), ListCommands(stored=True))
        return Reply(body=CommandList([_item(call.guild, command) for command in commands]))

    async def add(self, call: Call) -> Reply:
        """Store a new one."""
        request = AddCommand(_draft(call.body), actor_of(call.caller), is_remote=True)
        added = await self._desk.ask(_commands_of(call.guild), request)
        if added is NotAdded.FULL:
            raise ApiError(400, "limit", f"A server has at most {MAX_COMMANDS} custom commands.")
        if isinstance(added, NotAdded):
            raise ApiError(400, "duplicate", "A custom command of this name already exists.")
        return Reply(body=OneCommand(_item(call.guild, added)))

    async def amend(self, call: Call) -> Reply:
        """Change one."""
        amendment = _amendment(call.body)
        if amendment.is_empty:
            raise ApiError(400, "no_fields", "Nothing is named that should be different.")
        amended = await self._desk.ask(
            _commands_of(call.guild),
            AmendCommand(name=call.params["name"], amendment=amendment, actor_id=actor_of(call.caller)),
        )
        if isinstance(amended, Flaw):
            raise _refusal(amended)
        if amended is None:
            raise _unknown()
        return Reply(body=OneCommand(_item(call.guild, amended)))

    async def remove(self, call: Call) -> Reply:
        """Delete one."""
        request = RemoveCommand(name=call.params["name"], actor_id=actor_of(call.caller))
        if not await self._desk.ask(_commands_of(call.guild), request):
            raise _unknown()
        return Reply(body=Deleted())


def _commands_of(guild_id: GuildId) -> Address:
    return Address.guild(guild_id, "custom_commands")


def _item(guild_id: GuildId, command: CustomCommand) -> CommandItem:
    return CommandItem(
        id=command.id,
        guild_id=guild_id,
        name=command.name,
        trigger_type=command.trigger_type,
        trigger_value=command.trigger,
        response=command.response,
        enabled=command.enabled,
        case_sensitive=command.case_sensitive,
        delete_trigger=command.delete_trigger,
        reply_to_user=command.reply_to_user,
        uses=command.uses,
        created_by=command.created_by,
        created_at=command.created_at,
        updated_at=command.updated_at,
    )


def _draft(asked: NewCommand) -> Draft:
    name = clean_name(asked.name)
    if not is_name(name):
        raise _refusal(Flaw(FlawKind.NAME))
    trigger, response = asked.trigger_value.strip(), asked.response.strip()
    flaw = flaw_of_texts(asked.trigger_type.value, trigger, response)
    if flaw is not None:
        raise _refusal(flaw)
    return Draft(
        name=name,
        trigger_type=asked.trigger_type,
        trigger=trigger,
        response=response,
        case_sensitive=asked.case_sensitive,
        delete_trigger=asked.delete_trigger,
        reply_to_user=asked.reply_to_user,
    )


def _amendment(asked: CommandUpdate) -> Amendment:
    return Amendment(
        trigger_type=asked.trigger_type,
        trigger=None if asked.trigger_value is None else asked.trigger_value.strip(),
        response=None if asked.response is None else asked.response.strip(),
        enabled=asked.enabled,
        case_sensitive=asked.case_sensitive,
        delete_trigger=asked.delete_trigger,
        reply_to_user=asked.reply_to_user,
    )


def _refusal(flaw: Flaw) -> ApiError:
    detail = f"Invalid regex: {flaw.regex}." if flaw.regex is not None else _FLAWS[flaw.kind]
    return ApiError(400, "bad_value", detail)


def _unknown() -> ApiError:
    return not_found("This server has no custom command of this name.")


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    handlers = CommandRoutes(ActorDesk(sources.bus, sources.pool))
    return (
        Route(
            method="GET",
            path=PATH,
            params={"guild_id": GuildId},
            handler=handlers.list_all,
            access=Access.DADMIN,
            summary="Every custom command of a server",
            tag=TAG,
            answer=CommandList,
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path=PATH,
            params={"guild_id": GuildId},
            handler=handlers.add,
            access=Access.DADMIN,
            summary="Add a custom command",
            description="It answers messages from now on. A server has at most 50.",
            tag=TAG,
            body=NewCommand,
            answer=OneCommand,
            status=201,
            errors=("bad_value", "limit", "duplicate", "db_unavailable"),
        ),
        Route(
            method="PUT",
            path=ONE,
            params={"guild_id": GuildId},
            handler=handlers.amend,
            access=Access.DADMIN,
            summary="Change a custom command, or switch it on or off",
            description="The name is found in any case.",
            tag=TAG,
            body=CommandUpdate,
            answer=OneCommand,
            errors=("bad_value", "no_fields", "not_found", "db_unavailable"),
        ),
        Route(
            method="DELETE",
            path=ONE,
            params={"guild_id": GuildId},
            handler=handlers.remove,
            access=Access.DADMIN,
            summary="Delete a custom command",
            description="The name is found in any case.",
            tag=TAG,
            answer=Deleted,
            errors=("not_found", "db_unavailable"),
        ),
    )

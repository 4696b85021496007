"""Routes: path templates that know their major parameters.

Discord counts requests per route and per top-level resource in the path: channel, guild, webhook with its
token. Rule: https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

import string
from urllib.parse import quote

import attrs

_MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_id", "interaction_token")
"""Parameters that each have limits of their own. A token is worth what it names: its own webhook."""


@attrs.frozen
class Target:
    """A route with its parameters filled in: what one request is about."""

    route: Route
    path: str = attrs.field(repr=False)
    major: str = attrs.field(repr=False)
    """The major parameters; empty for a route without any."""


@attrs.frozen
class Route:
    """A method and a path template, such as ``POST /channels/{channel_id}/messages``.

    A route that carries a token in its path is authorised by that token: the bot's is not sent along, and
    the request does not count against the bot's global limit.
    """

    method: str
    template: str
    parameters: tuple[str, ...] = attrs.field(init=False, repr=False, eq=False)
    by_token: bool = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        names = tuple(name for _, name, _, _ in string.Formatter().parse(self.template) if name)
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "by_token", any(name.endswith("_token") for name in names))

    @property
    def key(self) -> str:
        """What stands for this route in logs, errors and the limiter."""
        return f"{self.method} {self.template}"

    def to(self, **parameters: int | str) -> Target:
        """The route with these parameters, URL-encoded; raises KeyError when one is missing."""
        values = {name: quote(str(parameters[name]), safe="") for name in self.parameters}
        major = "/".join(f"{name}={values[name]}" for name in self.parameters if name in _MAJOR)
        return Target(self, self.template.format_map(values), major)


GATEWAY = Route("GET", "/gateway/bot")
APPLICATION = Route("GET", "/oauth2/applications/@me")
PUT_GLOBAL_COMMANDS = Route("PUT", "/applications/{application_id}/commands")
PUT_GUILD_COMMANDS = Route("PUT", "/applications/{application_id}/guilds/{guild_id}/commands")

LIST_MEMBERS = Route("GET", "/guilds/{guild_id}/members")
GET_MEMBER = Route("GET", "/guilds/{guild_id}/members/{user_id}")
EDIT_MEMBER = Route("PATCH", "/guilds/{guild_id}/members/{user_id}")
GIVE_ROLE = Route("PUT", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
TAKE_ROLE = Route("DELETE", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
BAN = Route("PUT", "/guilds/{guild_id}/bans/{user_id}")
UNBAN = Route("DELETE", "/guilds/{guild_id}/bans/{user_id}")
OPEN_DIRECT = Route("POST", "/users/@me/channels")

CHANNEL_MESSAGES = Route("GET", "/channels/{channel_id}/messages")
GET_MESSAGE = Route("GET", "/channels/{channel_id}/messages/{message_id}")
CREATE_MESSAGE = Route("POST", "/channels/{channel_id}/messages")
EDIT_MESSAGE = Route("PATCH", "/channels/{channel_id}/messages/{message_id}")
BULK_DELETE = Route("POST", "/channels/{channel_id}/messages/bulk-delete")
DELETE_MESSAGE = Route("DELETE", "/channels/{channel_id}/messages/{message_id}")

ADD_REACTION = Route("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me")
REMOVE_REACTION = Route("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}")
REACTORS = Route("GET", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}")

RESPOND = Route("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
FOLLOW_UP = Route("POST", "/webhooks/{webhook_id}/{webhook_token}")
GET_ORIGINAL = Route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/@original")
EDIT_ORIGINAL = Route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original")
DELETE_ORIGINAL = Route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original")

"""Routes and their major parameters."""

from __future__ import annotations

import pytest

from alphapy.gateway.rest import routes
from alphapy.gateway.rest.routes import Route
from tests.support import openapi


def test_a_path_is_filled_in_and_encoded() -> None:
    route = Route("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me")
    target = route.to(channel_id=1, message_id=2, emoji="👍/x")
    assert target.path == "/channels/1/messages/2/reactions/%F0%9F%91%8D%2Fx/@me"
    assert target.major == "channel_id=1"


def test_major_parameters_tell_requests_apart() -> None:
    assert routes.GATEWAY.to().major == ""
    assert routes.PUT_GUILD_COMMANDS.to(application_id=1, guild_id=2).major == "guild_id=2"
    one = routes.FOLLOW_UP.to(webhook_id=1, webhook_token="a")
    assert one.major != routes.FOLLOW_UP.to(webhook_id=1, webhook_token="b").major


def test_a_token_in_the_path_takes_the_place_of_the_bots() -> None:
    assert routes.RESPOND.by_token
    assert routes.EDIT_ORIGINAL.by_token
    assert not routes.CREATE_MESSAGE.by_token


def test_no_token_is_shown() -> None:
    target = routes.RESPOND.to(interaction_id=1, interaction_token="very-secret")
    assert "very-secret" not in repr(target)


def test_a_missing_parameter_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        routes.CREATE_MESSAGE.to(guild_id=1)


def test_every_route_is_one_of_discords() -> None:
    discord = openapi.validator()
    if discord is None:
        pytest.skip(openapi.ABSENT)
    for route in vars(routes).values():
        if isinstance(route, Route):
            path = route.to(**dict.fromkeys(route.parameters, 1)).path
            problems = discord.violations(route.method, path)
            assert [p for p in problems if "needs a body" not in p] == [], route

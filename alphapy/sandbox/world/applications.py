"""Applications: the bots of this world, their tokens and the intents they may ask for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox.errors import JSON, Code, refused

if TYPE_CHECKING:
    from alphapy.sandbox.world.users import Users

DEMO_TOKEN = "sandbox-bot-token"  # noqa: S105 - a fixed token of a local sandbox, no secret
TOKEN_PREFIX = "sandbox."  # noqa: S105 - likewise
ALL_PRIVILEGED = (1 << 1) | (1 << 8) | (1 << 15)
"""Guild members, presences, message content."""


@attrs.define
class Application:
    """One application; its bot user has the same id.

    ``allowed_intents`` are the privileged intents it may use.
    """

    id: int
    owner_id: int
    allowed_intents: int = ALL_PRIVILEGED
    tokens: list[str] = attrs.field(factory=list)


def shaped_token(application_id: int) -> str:
    """A token in the form of Discord's: its first part is the application's id, and some clients read it."""
    encoded = base64.b64encode(str(application_id).encode()).decode().rstrip("=")
    return f"{encoded}.sandbox.token"


class Applications:
    """Every application by id."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self.known: dict[int, Application] = {}

    def create(self, name: str, owner_id: int, *, tokens: tuple[str, ...] = ()) -> Application:
        """A new application with its bot user."""
        application_id = self._users.create(name, bot=True)
        application = Application(application_id, owner_id, tokens=list(tokens))
        self.known[application_id] = application
        return application

    def get(self, application_id: int) -> Application:
        """The application; 10002 for an unknown id."""
        application = self.known.get(application_id)
        if application is None:
            raise refused(Code.UNKNOWN_APPLICATION)
        return application

    def by_token(self, token: str) -> Application | None:
        """Whose token this is: ``sandbox.<id>``, a :func:`shaped_token`, or one the application was given."""
        for application in self.known.values():
            usual = (f"{TOKEN_PREFIX}{application.id}", shaped_token(application.id))
            if token in usual or token in application.tokens:
                return application
        return None

    def json(self, application: Application) -> JSON:
        """The application object that a bot reads about itself."""
        user = self._users.get(application.id)
        owner = self._users.get(application.owner_id)
        return {
            "id": str(application.id),
            "name": user["username"],
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": f"{application.id:064x}",
            "owner": owner,
            "team": None,
            "bot": user,
            "flags": (1 << 13) | (1 << 15) | (1 << 19),
            "flags_new": str((1 << 13) | (1 << 15) | (1 << 19)),
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": [],
            "type": None,
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "approximate_guild_count": 1,
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "integration_types_config": {"0": {}},
        }

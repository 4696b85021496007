"""Users: people and bots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.errors import JSON, Code, refused

if TYPE_CHECKING:
    from alphapy.sandbox.world.ids import Snowflakes


class Users:
    """Every account by id, as Discord's user object."""

    def __init__(self, ids: Snowflakes) -> None:
        self._ids = ids
        self.records: dict[int, JSON] = {}

    def create(self, username: str, *, display_name: str | None = None, bot: bool = False) -> int:
        """A new account; returns its id."""
        user_id = self._ids.next()
        record: JSON = {
            "id": str(user_id),
            "username": username,
            "discriminator": "0",
            "global_name": display_name,
            "avatar": None,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }
        if bot:
            record["bot"] = True
            record["discriminator"] = f"{user_id % 9999 + 1:04}"
        self.records[user_id] = record
        return user_id

    def get(self, user_id: int) -> JSON:
        """The user object; 10013 for an unknown id."""
        record = self.records.get(user_id)
        if record is None:
            raise refused(Code.UNKNOWN_USER)
        return record

    def own(self, user_id: int) -> JSON:
        """What an account is told about itself."""
        extra = {"mfa_enabled": False, "verified": True, "locale": "en-US", "email": None, "premium_type": 0}
        return {**self.get(user_id), **extra}

    def is_bot(self, user_id: int) -> bool:
        """Whether the account is an application's."""
        return bool(self.get(user_id).get("bot", False))

"""What the local Discord answers when it refuses: an HTTP status, a JSON code, words, and the error tree.

The codes are Discord's (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json); the words
are ours, because clients branch on the code.
"""

from __future__ import annotations

import enum
from typing import Any

import attrs

JSON = dict[str, Any]
"""A JSON object as it goes over the wire: the sandbox speaks in these and shares no models with a bot."""


class Code(enum.IntEnum):
    """JSON error codes the sandbox gives."""

    GENERAL = 0
    UNKNOWN_APPLICATION = 10002
    UNKNOWN_CHANNEL = 10003
    UNKNOWN_GUILD = 10004
    UNKNOWN_INVITE = 10006
    UNKNOWN_MEMBER = 10007
    UNKNOWN_MESSAGE = 10008
    UNKNOWN_OVERWRITE = 10009
    UNKNOWN_ROLE = 10011
    UNKNOWN_USER = 10013
    UNKNOWN_EMOJI = 10014
    UNKNOWN_WEBHOOK = 10015
    UNKNOWN_BAN = 10026
    UNKNOWN_INTERACTION = 10062
    UNKNOWN_COMMAND = 10063
    TOO_MANY_PINS = 30003
    TOO_MANY_REACTIONS = 30010
    TOO_MANY_INVITES = 30016
    TOO_MANY_COMMANDS = 30032
    UNAUTHORIZED = 40001
    BANNED = 40007
    ALREADY_ACKNOWLEDGED = 40060
    MISSING_ACCESS = 50001
    DM_ONLY_ACTION = 50003
    NOT_THE_AUTHOR = 50005
    EMPTY_MESSAGE = 50006
    CANNOT_MESSAGE_USER = 50007
    NON_TEXT_CHANNEL = 50008
    MISSING_PERMISSIONS = 50013
    BULK_DELETE_COUNT = 50016
    INVALID_WEBHOOK_TOKEN = 50027
    INVALID_ROLE = 50028
    TOO_OLD_TO_BULK_DELETE = 50034
    INVALID_FORM = 50035
    THREAD_ARCHIVED = 50083
    INVALID_JSON = 50109
    REACTION_BLOCKED = 90001
    THREAD_EXISTS = 160004
    THREAD_LOCKED = 160005
    NOBODY_BANNED = 500000


_WORDS: dict[Code, tuple[int, str]] = {
    Code.GENERAL: (404, "404: no such route"),
    Code.UNKNOWN_APPLICATION: (404, "No application has this id"),
    Code.UNKNOWN_CHANNEL: (404, "No channel has this id"),
    Code.UNKNOWN_GUILD: (404, "No guild has this id"),
    Code.UNKNOWN_INVITE: (404, "No invite has this code, or it has expired"),
    Code.UNKNOWN_MEMBER: (404, "This user is not a member of the guild"),
    Code.UNKNOWN_MESSAGE: (404, "No message in this channel has this id"),
    Code.UNKNOWN_OVERWRITE: (404, "The channel has no such permission overwrite"),
    Code.UNKNOWN_ROLE: (404, "No role of the guild has this id"),
    Code.UNKNOWN_USER: (404, "No user has this id"),
    Code.UNKNOWN_EMOJI: (400, "This is no emoji that can be used here"),
    Code.UNKNOWN_WEBHOOK: (404, "No webhook answers to this address"),
    Code.UNKNOWN_BAN: (404, "This user is not banned"),
    Code.UNKNOWN_INTERACTION: (404, "The interaction is unknown, or its three seconds have passed"),
    Code.UNKNOWN_COMMAND: (404, "No application command has this id"),
    Code.TOO_MANY_PINS: (400, "The channel holds as many pins as it can"),
    Code.TOO_MANY_REACTIONS: (400, "The message carries as many different reactions as it can"),
    Code.TOO_MANY_INVITES: (400, "The guild has as many invites as it can"),
    Code.TOO_MANY_COMMANDS: (400, "The application has as many commands as it can"),
    Code.UNAUTHORIZED: (401, "401: the token is missing or wrong"),
    Code.BANNED: (403, "This user is banned from the guild"),
    Code.ALREADY_ACKNOWLEDGED: (400, "The interaction has already been acknowledged"),
    Code.MISSING_ACCESS: (403, "No access: the resource cannot be seen"),
    Code.DM_ONLY_ACTION: (403, "This cannot be done in a direct message channel"),
    Code.NOT_THE_AUTHOR: (403, "A message can be edited by its author only"),
    Code.EMPTY_MESSAGE: (400, "An empty message cannot be sent"),
    Code.CANNOT_MESSAGE_USER: (403, "This user cannot be sent direct messages"),
    Code.NON_TEXT_CHANNEL: (400, "The channel holds no messages"),
    Code.MISSING_PERMISSIONS: (403, "The permissions to do this are missing"),
    Code.BULK_DELETE_COUNT: (400, "Between 2 and 100 messages can be deleted at once"),
    Code.INVALID_WEBHOOK_TOKEN: (401, "The webhook token is wrong or has expired"),
    Code.INVALID_ROLE: (400, "The role cannot be given or taken"),
    Code.TOO_OLD_TO_BULK_DELETE: (400, "A message is more than 14 days old"),
    Code.INVALID_FORM: (400, "The body is not valid"),
    Code.THREAD_ARCHIVED: (400, "The thread is archived"),
    Code.INVALID_JSON: (400, "The body is not valid JSON"),
    Code.REACTION_BLOCKED: (403, "A reaction cannot be added here"),
    Code.THREAD_EXISTS: (400, "A thread has already been made from this message"),
    Code.THREAD_LOCKED: (400, "The thread is locked"),
    Code.NOBODY_BANNED: (400, "None of these users could be banned"),
}


@attrs.frozen
class Refused(Exception):
    """A request the local Discord refuses; ``errors`` is the tree of a 50035."""

    code: Code
    status: int
    message: str
    errors: JSON | None = None

    def to_json(self) -> JSON:
        """The body of the answer."""
        body: JSON = {"message": self.message, "code": int(self.code)}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def refused(code: Code) -> Refused:
    """The refusal of this code with its usual status and words."""
    status, words = _WORDS[code]
    return Refused(code, status, words)


class Problems:
    """Collects what is wrong with a body and answers it as one 50035 with Discord's tree of paths."""

    def __init__(self) -> None:
        self._tree: JSON = {}

    def add(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        """Note one problem at a path such as ``("embeds", 0, "title")``."""
        node = self._tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def longest(self, path: tuple[str | int, ...], text: object, limit: int, *, least: int = 0) -> None:
        """Check a text's length in characters; an absent text (None) is no problem."""
        if text is None:
            return
        if not isinstance(text, str):
            self.add(path, "STRING_TYPE_CONVERT", "Must be a text.")
        elif len(text) > limit:
            self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
        elif len(text) < least:
            self.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {limit} in length.")

    def at_most(self, path: tuple[str | int, ...], items: list[Any], limit: int, *, least: int = 0) -> None:
        """Check the number of items in a list."""
        if len(items) > limit:
            self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
        elif len(items) < least:
            self.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {limit} in length.")

    def required(self, path: tuple[str | int, ...]) -> None:
        """Note a missing field."""
        self.add(path, "BASE_TYPE_REQUIRED", "This field is required")

    def choice(self, path: tuple[str | int, ...], allowed: str) -> None:
        """Note a value that is none of the allowed ones."""
        self.add(path, "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")

    def raise_if_any(self) -> None:
        """Refuse the body if anything was noted."""
        if self._tree:
            raise invalid_form(self._tree)


def invalid_form(tree: JSON) -> Refused:
    """A 50035 with this tree."""
    status, words = _WORDS[Code.INVALID_FORM]
    return Refused(Code.INVALID_FORM, status, words, tree)


def invalid_field(path: tuple[str | int, ...], code: str, message: str) -> Refused:
    """A 50035 about one field."""
    tree: JSON = {}
    node = tree
    for step in path:
        node = node.setdefault(str(step), {})
    node["_errors"] = [{"code": code, "message": message}]
    return invalid_form(tree)

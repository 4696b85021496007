"""Whom a message really notifies: what its text mentions, under ``allowed_mentions``. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox import limits

if TYPE_CHECKING:
    from collections.abc import Container

    from alphapy.sandbox.errors import JSON, Problems

_CODE = re.compile(r"```.*?```|``.*?``|`[^`]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_EVERYONE = re.compile(r"@(everyone|here)")
_KINDS = ("users", "roles", "everyone")


@attrs.frozen
class Mentions:
    """Who is notified."""

    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False


def check(problems: Problems, allowed: object) -> None:
    """Note what is wrong with an ``allowed_mentions`` object."""
    path = ("allowed_mentions",)
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        problems.add(path, "DICT_TYPE_CONVERT", "Must be an object.")
        return
    parse = allowed.get("parse") or []
    for number, kind in enumerate(parse):
        if kind not in _KINDS:
            problems.choice((*path, "parse", number), str(_KINDS))
    for kind in ("users", "roles"):
        listed = allowed.get(kind) or []
        problems.at_most((*path, kind), listed, limits.ALLOWED_MENTIONS)
        if listed and kind in parse:
            problems.add(
                path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", f"parse and {kind} exclude each other."
            )


def parse(
    content: str,
    allowed: JSON | None,
    *,
    users: Container[int],
    roles: Container[int],
    may_everyone: bool,
    replied_to: int | None = None,
) -> Mentions:
    """Who is notified by this text.

    ``users`` and ``roles`` are those that exist and can be mentioned; ``replied_to`` is the author of the
    message that is answered. Without ``allowed`` everything the text mentions counts, as Discord has it.
    """
    text = _CODE.sub(" ", content)
    found_users = [int(m) for m in dict.fromkeys(_USER.findall(text)) if int(m) in users]
    found_roles = [int(m) for m in dict.fromkeys(_ROLE.findall(text)) if int(m) in roles]
    everyone = may_everyone and _EVERYONE.search(text) is not None
    ping_replied = True
    if allowed is not None:
        kinds = allowed.get("parse") or ()
        ping_replied = bool(allowed.get("replied_user", False))
        if "users" not in kinds:
            listed = {int(user) for user in allowed.get("users") or ()}
            found_users = [user for user in found_users if user in listed]
        if "roles" not in kinds:
            listed = {int(role) for role in allowed.get("roles") or ()}
            found_roles = [role for role in found_roles if role in listed]
        everyone = everyone and "everyone" in kinds
    if replied_to is not None and ping_replied and replied_to in users and replied_to not in found_users:
        found_users.append(replied_to)
    return Mentions(tuple(found_users), tuple(found_roles), everyone)

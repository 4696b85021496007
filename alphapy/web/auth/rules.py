"""Who is let in as what: the table of spec/api.md 7.2 as decisions over what is known. Pure.

The authenticator finds out what the evidence needs (it verifies a token only where the decision depends on
it), and acts on the verdict. A verdict never depends on anything that a caller says about itself alone.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from alphapy.web.auth.caller import Access


class Key(enum.Enum):
    """What is known about ``X-Api-Key``."""

    NOT_CONFIGURED = "not_configured"
    """``API_KEY`` is not set: no key is right."""
    ABSENT = "absent"
    WRONG = "wrong"
    RIGHT = "right"


class Token(enum.Enum):
    """What is known about the token in ``Authorization``."""

    ABSENT = "absent"
    INVALID = "invalid"
    UNVERIFIABLE = "unverifiable"
    """The identity service does not answer, so that nobody can tell."""
    VALID = "valid"


class Named(enum.Enum):
    """What is known about ``X-Discord-User-Id``."""

    ABSENT = "absent"
    MALFORMED = "malformed"
    GIVEN = "given"


class Verdict(enum.Enum):
    """What becomes of the caller; the lower half are refusals."""

    ANYBODY = "anybody"
    """Let in, and nothing more is known."""
    SERVICE = "service"
    """Let in as who holds the service key."""
    SUBJECT = "subject"
    """Let in as the subject of the token."""
    LINKED = "linked"
    """Let in as the Discord account that is linked to the subject of the token, if there is one."""
    NAMED = "named"
    """Let in as the Discord account that the service has named."""

    UNAUTHORIZED = "unauthorized"
    KEY_NOT_CONFIGURED = "key_not_configured"
    AUTH_UNAVAILABLE = "auth_unavailable"
    BAD_DISCORD_ID = "bad_discord_id"
    DISCORD_ID_MISSING = "discord_id_missing"


ADMITTED: Final = frozenset(
    {Verdict.ANYBODY, Verdict.SERVICE, Verdict.SUBJECT, Verdict.LINKED, Verdict.NAMED}
)
"""The verdicts that let somebody in."""

BY_GUILD: Final = frozenset({Access.GUILD, Access.DADMIN})
"""The classes whose callers must be admins of the guild, besides."""


@attrs.frozen(kw_only=True)
class Evidence:
    """What is known of a caller. ``development``: nothing is configured that could tell callers apart."""

    key: Key
    token: Token
    named: Named
    development: bool


def needs_token(access: Access, key: Key, named: Named) -> bool:
    """Whether the decision depends on the token at all."""
    match access:
        case Access.USER | Access.LINK:
            return True
        case Access.BASE | Access.KEY_OR_USER:
            return key is not Key.RIGHT
        case Access.GUILD:
            return named is Named.ABSENT
        case _:
            return False


def decide(access: Access, known: Evidence) -> Verdict:
    """The verdict for a class that goes by keys and tokens; ValueError for HOOK, OPERATOR and CONSOLE."""
    match access:
        case Access.OPEN:
            return Verdict.ANYBODY
        case Access.KEY:
            return _by_key(known.key)
        case Access.BASE:
            return _by_key_or_token(known, otherwise=Verdict.ANYBODY if known.development else None)
        case Access.KEY_OR_USER:
            return _by_key_or_token(known, otherwise=None)
        case Access.USER:
            return _by_token(known.token, Verdict.SUBJECT)
        case Access.LINK:
            return _by_token(known.token, Verdict.LINKED)
        case Access.GUILD if known.named is Named.ABSENT:
            return _by_token(known.token, Verdict.LINKED)
        case Access.GUILD | Access.DADMIN:
            return _by_name(known)
        case _:
            raise ValueError(f"{access.value} is not decided by keys and tokens")


def _by_key(key: Key) -> Verdict:
    if key is Key.NOT_CONFIGURED:
        return Verdict.KEY_NOT_CONFIGURED
    return Verdict.SERVICE if key is Key.RIGHT else Verdict.UNAUTHORIZED


def _by_key_or_token(known: Evidence, *, otherwise: Verdict | None) -> Verdict:
    """The key where it is right, else the token; ``otherwise`` is the verdict where neither is good."""
    if known.key is Key.RIGHT:
        return Verdict.SERVICE
    verdict = _by_token(known.token, Verdict.SUBJECT)
    return verdict if otherwise is None or verdict in ADMITTED else otherwise


def _by_token(token: Token, verdict: Verdict) -> Verdict:
    if token is Token.VALID:
        return verdict
    return Verdict.AUTH_UNAVAILABLE if token is Token.UNVERIFIABLE else Verdict.UNAUTHORIZED


def _by_name(known: Evidence) -> Verdict:
    if known.key is not Key.RIGHT:
        return Verdict.UNAUTHORIZED
    return {
        Named.ABSENT: Verdict.DISCORD_ID_MISSING,
        Named.MALFORMED: Verdict.BAD_DISCORD_ID,
        Named.GIVEN: Verdict.NAMED,
    }[known.named]

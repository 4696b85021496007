"""Asking the identity service about a token that cannot be verified here (spec/api.md 7.2).

Answers are remembered by the token's hash, never the token: good ones for 30 seconds but not beyond the
token's own end, bad ones for 5. When it fails: TokenUnknown, which is remembered nowhere.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs
import trio

from alphapy.web.auth import upstream
from alphapy.web.auth.memory import Memory
from alphapy.web.auth.tokens import read_subject
from alphapy.web.auth.upstream import Unreachable
from alphapy.web.flight import SharedByKey

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from alphapy.environment import Secret

log = logging.getLogger("alphapy.web.auth")

PATH: Final = "/auth/v1/user"
GOOD_FOR: Final = 30.0
BAD_FOR: Final = 5.0
"""Seconds that an answer is remembered."""

REMEMBERED: Final = 10_000
"""Answers."""


class TokenUnknown(Exception):
    """The service did not answer: nobody can tell."""


@attrs.frozen
class _Question:
    """A token, told apart by its hash; it is never printed."""

    digest: bytes
    token: str = attrs.field(repr=False, eq=False)


@attrs.frozen
class _Found:
    subject: UUID | None


class Introspection:
    """Asks, and remembers; one question at a time for each token."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        anon_key: Secret,
        *,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._http = http
        self._url = url + PATH
        self._anon_key = anon_key
        self._now = now
        self._memory: Memory[bytes, _Found] = Memory(REMEMBERED)
        self._questions = SharedByKey(self._ask)

    async def subject(self, token: str, *, seconds_left: float) -> UUID | None:
        """Whose token this is; None for a bad one. Raises TokenUnknown.

        ``seconds_left`` until the token says that it ends.
        """
        question = _Question(hashlib.sha256(token.encode()).digest(), token)
        found = self._memory.get(question.digest, self._now())
        if found is None:
            asked_at = self._now()
            found = await self._questions.get(question)
            kept = BAD_FOR if found.subject is None else min(GOOD_FOR, max(0.0, seconds_left))
            self._memory.put(question.digest, found, asked_at + kept)
        return found.subject

    async def _ask(self, question: _Question) -> _Found:
        headers = {"apikey": self._anon_key.reveal(), "Authorization": f"Bearer {question.token}"}
        try:
            answer = await upstream.get(self._http, self._url, headers)
        except Unreachable as error:
            log.warning(
                "the identity service could not be asked about a token",
                extra={"event": "introspection_unavailable", "error": str(error)},
            )
            raise TokenUnknown from error
        if answer.status != 200 or not isinstance(answer.body, dict):
            return _Found(None)
        user = answer.body.get("user")
        given = answer.body.get("id") or (user.get("id") if isinstance(user, dict) else None)
        return _Found(read_subject(given))

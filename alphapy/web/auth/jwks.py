"""The public keys of the identity service (spec/api.md 7.2): fetched when they are needed, and remembered.

When it fails: while the service is away, keys that were fetched in the last 24 hours still hold, and it is
asked again every 30 seconds at most. Without any, nobody can tell whether a token is good (KeysUnavailable).
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from alphapy.web.auth import upstream
from alphapy.web.auth.upstream import Unreachable
from alphapy.web.flight import Shared

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

log = logging.getLogger("alphapy.web.auth")

FRESH: Final = 600.0
"""Seconds after which the keys are fetched anew."""

AGAIN: Final = 30.0
"""Seconds between two fetches at least, whatever key ids callers make up."""

STALE: Final = 86_400.0
"""Seconds that keys hold while the service does not answer."""

MOST_KEYS: Final = 100


class KeysUnavailable(Exception):
    """There is no telling which keys there are."""


class Step(enum.Enum):
    """What to do about a key id."""

    USE = "use"
    """The answer stands, whether the id is known or not."""
    FETCH = "fetch"
    GIVE_UP = "give_up"
    """Nobody can tell, and it is too early to ask again."""


@attrs.define
class KeyRing:
    """The keys by id, and when they were asked for; every instant comes in. Pure."""

    keys: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    fetched_at: float | None = None
    asked_at: float | None = None

    def step(self, key_id: str, now: float) -> Step:
        """What to do about this id at this moment."""
        age = None if self.fetched_at is None else now - self.fetched_at
        if age is not None and age < FRESH and key_id in self.keys:
            return Step.USE
        if self.asked_at is None or now - self.asked_at >= AGAIN:
            return Step.FETCH
        return self.outcome(key_id, now)

    def outcome(self, key_id: str, now: float) -> Step:
        """What to do about this id where nothing more can be fetched now."""
        if self.fetched_at is None or now - self.fetched_at >= STALE:
            return Step.GIVE_UP
        # An unknown id proves nothing unless the last answer is the newest that was asked for.
        is_current = self.fetched_at == self.asked_at
        return Step.USE if key_id in self.keys or is_current else Step.GIVE_UP

    def learn(self, keys: Mapping[str, Mapping[str, Any]], asked_at: float) -> None:
        """Take in an answer to the question of that instant."""
        self.keys, self.fetched_at, self.asked_at = keys, asked_at, asked_at


class KeySet:
    """Looks keys up; one fetch at a time, however many ask."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, *, now: Callable[[], float] = trio.current_time
    ) -> None:
        self._http = http
        self._url = url
        self._now = now
        self._ring = KeyRing()
        self._fetches = Shared(self._fetch)

    async def find(self, key_id: str) -> Mapping[str, Any] | None:
        """The key with this id; None where the service has none. Raises KeysUnavailable."""
        step = self._ring.step(key_id, self._now())
        if step is Step.FETCH:
            await self._fetches.get()
            step = self._ring.outcome(key_id, self._now())
        if step is Step.GIVE_UP:
            raise KeysUnavailable
        return self._ring.keys.get(key_id)

    async def _fetch(self) -> None:
        asked_at = self._now()
        try:
            keys = _keys_of(await upstream.get(self._http, self._url, {}))
        except Unreachable as error:
            self._ring.asked_at = asked_at
            log.warning(
                "the keys of the identity service could not be read",
                extra={"event": "jwks_unavailable", "error": str(error), "known_keys": len(self._ring.keys)},
            )
            return
        self._ring.learn(keys, asked_at)


def _keys_of(answer: upstream.Answer) -> dict[str, Mapping[str, Any]]:
    listed = answer.body.get("keys") if isinstance(answer.body, dict) else None
    if answer.status != 200 or not isinstance(listed, list):
        raise Unreachable(f"HTTP status {answer.status} without a key set")
    keys = [key for key in listed if isinstance(key, dict) and isinstance(key.get("kid"), str)]
    return {key["kid"]: key for key in keys[:MOST_KEYS]}

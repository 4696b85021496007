"""One GET to an identity service: a deadline for the whole of it, no redirects, and a bound on the answer.

When it fails: whatever keeps the service from answering is :class:`Unreachable`, without the address, which
may hold what is nobody's business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
import httpx
import trio

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHIN: Final = 5.0
"""Seconds that an answer may take (spec/api.md 7.2)."""

LONGEST_ANSWER: Final = 256 * 1024
"""Bytes; more is no answer."""


class Unreachable(Exception):
    """The service did not answer, or not in a way that can be used."""


@attrs.frozen
class Answer:
    """What it said; ``body`` is None where that is no JSON."""

    status: int
    body: Any


def client() -> httpx.AsyncClient:
    """What :func:`get` asks with. It goes where it is told, whatever the environment says."""
    return httpx.AsyncClient(timeout=WITHIN, follow_redirects=False, trust_env=False)


async def get(http: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Answer:
    """Ask once. Raises Unreachable, also for what only a service in trouble answers (429 and 5xx)."""
    body = bytearray()
    with trio.move_on_after(WITHIN):
        try:
            async with http.stream("GET", url, headers={"Accept": "application/json", **headers}) as answer:
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise Unreachable(f"HTTP status {answer.status_code}")
                async for part in answer.aiter_bytes():
                    # What is too much is read to its end, or to the deadline, and thrown away: httpx leaves
                    # generators behind where reading stops earlier.
                    body += part[: LONGEST_ANSWER + 1 - len(body)]
                if len(body) > LONGEST_ANSWER:
                    raise Unreachable("the answer is too long")
                return Answer(answer.status_code, _json(bytes(body)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(type(error).__name__) from error
    raise Unreachable(f"no answer within {WITHIN:g} s")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

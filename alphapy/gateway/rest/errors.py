"""What can go wrong between us and Discord's REST interface, as one class with fields a caller can act on.

JSON codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import msgspec
from typing_extensions import override

UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
UNKNOWN_INTERACTION = 10062
ALREADY_ACKNOWLEDGED = 40060
MISSING_ACCESS = 50001
CANNOT_SEND_TO_USER = 50007
MISSING_PERMISSIONS = 50013
INVALID_FORM_BODY = 50035

_MOST_PROBLEMS = 20
_DEEPEST_TREE = 16
_LONGEST_MESSAGE = 300


class DiscordErrorKind(enum.Enum):
    """What a caller branches on."""

    INVALID = "invalid"
    """Discord refused the request as it is: 400 or another 4xx. Repeating it is pointless."""
    UNAUTHORIZED = "unauthorized"
    """401: the token is wrong, or was reset."""
    FORBIDDEN = "forbidden"
    """403: a permission, or access to the channel, is missing."""
    NOT_FOUND = "not_found"
    """404: what the request names is gone."""
    RATE_LIMITED = "rate_limited"
    """Waiting for the rate limit would have taken longer than the call may take; see ``retry_after``."""
    REFUSED = "refused"
    """Not sent: too many requests are waiting already, or too many were answered with errors lately."""
    SERVER = "server"
    """5xx, also after the permitted retries."""
    TRANSPORT = "transport"
    """No answer: the connection failed or broke."""
    TIMED_OUT = "timed_out"
    """No answer within the deadline of the call."""
    MALFORMED = "malformed"
    """An answer that makes no sense: not JSON, a missing field, a redirect."""


_TRANSIENT = frozenset(
    {
        DiscordErrorKind.RATE_LIMITED,
        DiscordErrorKind.REFUSED,
        DiscordErrorKind.SERVER,
        DiscordErrorKind.TRANSPORT,
        DiscordErrorKind.TIMED_OUT,
    }
)
_DOUBTFUL = frozenset(
    {
        DiscordErrorKind.SERVER,
        DiscordErrorKind.TRANSPORT,
        DiscordErrorKind.TIMED_OUT,
        DiscordErrorKind.MALFORMED,
    }
)


@attrs.frozen(kw_only=True)
class DiscordError(Exception):
    """A call that did not succeed.

    ``route`` is the method and path template, never the path itself, which may hold a token.
    ``code`` is Discord's JSON code, 0 when there was none; ``problems`` are its error tree, flattened to
    ``path: message``. ``retry_after`` is in seconds. ``sent`` tells whether any attempt may have reached
    Discord, ``attempts`` how many there were.
    """

    kind: DiscordErrorKind
    route: str
    message: str
    status: int | None = None
    code: int = 0
    problems: tuple[str, ...] = ()
    retry_after: float | None = None
    sent: bool = True
    attempts: int = 1

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _TRANSIENT

    @property
    def in_doubt(self) -> bool:
        """Whether Discord may have done what was asked although no answer says so."""
        return self.sent and self.kind in _DOUBTFUL

    @override
    def __str__(self) -> str:
        facts = [self.kind.value if self.status is None else f"{self.status} {self.kind.value}"]
        if self.code:
            facts.append(f"code {self.code}")
        text = f"{self.route}: {', '.join(facts)}: {self.message}"
        return f"{text} ({'; '.join(self.problems)})" if self.problems else text


def kind_of(status: int) -> DiscordErrorKind:
    """The kind of an answer with this status, 300 or above."""
    if status < 400:
        return DiscordErrorKind.MALFORMED
    if status >= 500:
        return DiscordErrorKind.SERVER
    return {
        401: DiscordErrorKind.UNAUTHORIZED,
        403: DiscordErrorKind.FORBIDDEN,
        404: DiscordErrorKind.NOT_FOUND,
        429: DiscordErrorKind.RATE_LIMITED,
    }.get(status, DiscordErrorKind.INVALID)


def from_answer(
    route: str, status: int, body: bytes, *, retry_after: float | None = None, attempts: int = 1
) -> DiscordError:
    """The error that an answer of Discord, or of whatever stands before it, describes."""
    code, message, problems = read_error(body)
    return DiscordError(
        kind=kind_of(status),
        route=route,
        message=message or f"HTTP status {status}",
        status=status,
        code=code,
        problems=problems,
        retry_after=retry_after,
        attempts=attempts,
    )


def read_error(body: bytes) -> tuple[int, str, tuple[str, ...]]:
    """JSON code, message and flattened problems of an error body; 0 and blanks where it holds none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return 0, "", ()
    if not isinstance(found, Mapping):
        return 0, "", ()
    code, message = found.get("code"), found.get("message")
    return (
        code if isinstance(code, int) else 0,
        message[:_LONGEST_MESSAGE] if isinstance(message, str) else "",
        flatten(found.get("errors")),
    )


def flatten(tree: object) -> tuple[str, ...]:
    """Discord's error tree as lines ``embeds[0].fields[2].name: This field is required``; at most 20."""
    lines: list[str] = []
    for line in _walk(tree, "", 0):
        if len(lines) == _MOST_PROBLEMS:
            break
        lines.append(line)
    return tuple(lines)


def _walk(node: object, path: str, depth: int) -> Iterator[str]:
    if not isinstance(node, Mapping) or depth > _DEEPEST_TREE:
        return
    for key, child in node.items():
        if key == "_errors":
            yield from (f"{path or 'body'}: {text}" for text in _messages(child))
        elif str(key).isdecimal():
            yield from _walk(child, f"{path}[{key}]", depth + 1)
        else:
            yield from _walk(child, f"{path}.{key}" if path else str(key), depth + 1)


def _messages(errors: Any) -> Iterator[str]:
    if not isinstance(errors, list):
        return
    for error in errors:
        if isinstance(error, Mapping) and isinstance(message := error.get("message"), str):
            yield message[:_LONGEST_MESSAGE]

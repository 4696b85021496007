"""Route templates, the request as a handler sees it, and its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from alphapy.sandbox.errors import JSON, Code, invalid_field, refused
from alphapy.sandbox.world.applications import Application
from alphapy.sandbox.world.files import Upload
from alphapy.sandbox.world.world import World


@attrs.frozen(kw_only=True)
class Call:
    """One request. ``application`` is the caller; None on routes whose token stands in the path.

    ``user_id`` is set where a client calls in the name of a person, with a bearer token.
    """

    world: World
    application: Application | None
    user_id: int | None = None
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    uploads: tuple[Upload, ...] = ()
    reason: str | None = None
    session_starts: Callable[[int], JSON] = attrs.field(default=lambda _application: {})
    gateway_url: str = ""

    @property
    def by(self) -> int:
        """The id of the calling application and its bot user."""
        if self.application is None:
            raise refused(Code.UNAUTHORIZED)
        return self.application.id

    @property
    def me(self) -> int:
        """The account that calls: a person's, else the bot's."""
        return self.by if self.user_id is None else self.user_id

    def id(self, name: str) -> int:
        """A path parameter that is a snowflake."""
        value = self.parameters[name]
        if not value.isdecimal() or len(value) > 20:
            raise invalid_field((name,), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return int(value)

    def optional_id(self, name: str) -> int | None:
        """A query parameter that is a snowflake; None where it is absent."""
        value = self.query.get(name)
        if value is None:
            return None
        if not value.isdecimal():
            raise invalid_field((name,), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return int(value)

    def number(self, name: str, default: int, most: int) -> int:
        """A query parameter that is a number from 1 to ``most``."""
        value = self.query.get(name, str(default))
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise invalid_field((name,), "NUMBER_TYPE_MAX", f"int value should be from 1 to {most}.")
        return int(value)

    def instant(self, name: str) -> datetime | None:
        """A query parameter that is an ISO 8601 instant; None where it is absent."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise invalid_field((name,), "DATE_TIME_TYPE_PARSE", f"Could not parse {value}.") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def object(self) -> JSON:
        """The body, which must be a JSON object; an absent one is empty."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise invalid_field((), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return self.body

    def array(self) -> list[Any]:
        """The body, which must be a JSON array."""
        if not isinstance(self.body, list):
            raise invalid_field((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return self.body


@attrs.frozen
class Answer:
    """Status and JSON body; None is an empty body."""

    body: Any = None
    status: int = 200


NOTHING = Answer(None, 204)
Handler = Callable[[Call], Awaitable[Answer]]


@attrs.frozen
class Route:
    """A method and a path template such as ``/channels/{channel_id}``.

    ``open`` routes need no token; ``exempt`` ones do not count towards the global rate limit; ``unlimited``
    ones have no rate limit at all, and tell of none. ``scope`` is what a bearer token must be good for; None
    where only bots may call.
    """

    method: str
    template: str
    handler: Handler
    open: bool = False
    exempt: bool = False
    unlimited: bool = False
    scope: str | None = None

    @property
    def key(self) -> str:
        """How the route is named in rate limits, faults and the log."""
        return f"{self.method} {self.template}"


class Table:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        by_template: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_template.setdefault(route.template, {})[route.method] = route
        for template, methods in by_template.items():
            parts = template.strip("/").split("/")
            self._by_length.setdefault(len(parts), []).append((parts, methods))
        for entries in self._by_length.values():
            entries.sort(key=lambda entry: [part.startswith("{") for part in entry[0]])

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | int:
        """The route and its parameters, or the status: 404 for no such path, 405 for another method."""
        given = path.strip("/").split("/")
        status = 404
        for parts, methods in self._by_length.get(len(given), ()):
            parameters = _matched(parts, given)
            if parameters is None:
                continue
            if method in methods:
                return methods[method], parameters
            status = 405
        return status


def _matched(parts: list[str], given: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for part, value in zip(parts, given, strict=True):
        if part.startswith("{"):
            parameters[part[1:-1]] = value
        elif part != value:
            return None
    return parameters

"""``/api/openapi.json`` and ``/api/docs``: the declared routes, for programs and for people; for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from markupsafe import Markup, escape
from quart import render_template

from alphapy.web.auth.caller import Access
from alphapy.web.routing.openapi import document
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from alphapy.web.sources import ServiceFacts

INT64_MOST: Final = 2**63 - 1
"""A bound that says nothing to a reader."""

_CODE: Final = re.compile(r"`([^`]+)`")
HTML: Final = "text/html; charset=utf-8"
TAG: Final = "Documentation"

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


Operation = tuple[str, str, Mapping[str, Any]]
"""Its method, its path, and what the document says of it."""


WHO: Final[Mapping[str, str]] = {
    "open": "for all",
    "base": "token or key",
    "key": "key",
    "user": "token",
    "link": "token of a linked account",
    "guild": "admin of the server",
    "dadmin": "admin of the server, by key",
    "hook": "signed webhook",
    "key or user": "key or token",
    "operator": "operators",
    "console": "console",
}
"""The classes of callers in a word or two."""


class DocsRoutes:
    """The handlers. The document is made when it is first asked for."""

    def __init__(self, facts: ServiceFacts, table: Callable[[], Iterable[Route]]) -> None:
        self._facts = facts
        self._table = table
        self._document: Mapping[str, Any] | None = None
        self._page: bytes | None = None
        """Rendering it takes long, and it is open to everybody."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The OpenAPI description."""
        if self._document is None:
            self._document = document(self._table(), title="Alphapy", version=self._facts.version)
        return self._document

    async def openapi(self, _: Call) -> Reply:
        """For programs."""
        return Reply(body=self.document)

    async def page(self, _: Call) -> Reply:
        """For people."""
        if self._page is None:
            text = await render_template(
                "docs.html",
                facts=self._facts,
                document=self.document,
                chapters=chapters(self.document),
                type_of=type_of,
                bounds_of=bounds_of,
                prose=prose,
                who=WHO,
            )
            self._page = text.encode()
        return Reply(body=self._page, headers=HEADERS)


def routes(facts: ServiceFacts, table: Callable[[], Iterable[Route]]) -> tuple[Route, ...]:
    """The routes; ``table`` is every declared route, these included."""
    handlers = DocsRoutes(facts, table)
    return (
        Route(
            method="GET",
            path="/api/openapi.json",
            handler=handlers.openapi,
            access=Access.OPEN,
            tag=TAG,
            summary="This description, for programs (OpenAPI 3.1)",
            answer=dict[str, Any],
        ),
        Route(
            method="GET",
            path="/api/docs",
            handler=handlers.page,
            access=Access.OPEN,
            tag=TAG,
            summary="This description, for people",
            media=HTML,
        ),
    )


def chapters(described: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[Operation]]]:
    """The operations by tag, as (method, path, operation)."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        (tag["name"], [found for found in operations if tag["name"] in found[2]["tags"]])
        for tag in described["tags"]
    ]


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(form) for form in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    match schema.get("type"):
        case "array":
            return f"list of {type_of(schema['items'])}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {type_of(schema['additionalProperties'])}"
        case str() as name:
            return f"{name} ({schema['format']})" if "format" in schema else name
    return "any JSON"


def bounds_of(schema: Mapping[str, Any]) -> str:
    """What a schema says beyond its type, in a few words."""
    said = []
    for least, most, what in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        low, high = schema.get(least), schema.get(most)
        if high is None and low is not None:
            said.append(f"at least {low}{what}")
        elif high is not None and high < INT64_MOST:
            said.append(f"{low or 0} to {high}{what}")
    if schema.get("default") is not None:
        said.append(f"default {msgspec.json.encode(schema['default']).decode()}")
    return ", ".join(said)


def prose(text: str) -> Markup:
    """A text with `code` in it, for a page; a blank line begins a paragraph."""
    # Plain texts, since a regular expression would escape what it puts into a Markup once more.
    paragraphs = [str(escape(part.replace("\n", " ").strip())) for part in text.split("\n\n")]
    return Markup("").join(
        Markup("<p>{}</p>").format(Markup(_CODE.sub(r"<code>\1</code>", part)))  # noqa: S704 - escaped above
        for part in paragraphs
        if part
    )

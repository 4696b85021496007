"""The OpenAPI 3.1 description of the declared routes. Pure: the same table gives the same document.

Rules: https://spec.openapis.org/oas/v3.1.0. Ours begin with ``x-``: ``x-rate-limit`` (requests of a class in
a window of seconds), ``x-deadline-seconds`` and ``x-access`` (spec/api.md 7.2).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from alphapy.pure.http_limits import LIMITS, WINDOW
from alphapy.web.auth.caller import Access
from alphapy.web.routing.codes import CODES, SLOW_BODY, codes_of
from alphapy.web.routing.route import JSON, Route
from alphapy.web.routing.schema import Direction, Schema, Schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPENAPI: Final = "3.1.0"

ABOUT: Final = """\
The HTTP interface of this Alphapy service.

Every answer has an `X-Request-ID`: your own if you sent an acceptable one, else a new one. Every error is
`{"detail": …, "code": …}`; the code is stable, the detail is for people. Discord ids are accepted as strings
and as numbers; where an answer has them as numbers, `?ids=string` turns them into strings. Times without an
offset are wall time in Brussels. A body may have 256 KiB.
"""

SECURITY_SCHEMES: Final[Mapping[str, Schema]] = {
    "serviceKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The service key, `API_KEY`.",
    },
    "discordUser": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Discord-User-Id",
        "description": "The Discord user for whom the holder of the service key acts.",
    },
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "operator": {
        "type": "http",
        "scheme": "basic",
        "description": "The service key as the password, with any user name.",
    },
    "webhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Signature",
        "description": "The HMAC-SHA256 of the body with the webhook's secret, in hex.",
    },
}

_NAMED: Final[Schema] = {"serviceKey": [], "discordUser": []}
SECURITY: Final[Mapping[Access, tuple[Schema, ...]]] = {
    Access.OPEN: (),
    Access.BASE: ({"serviceKey": []}, {"token": []}),
    Access.KEY: ({"serviceKey": []},),
    Access.USER: ({"token": []},),
    Access.LINK: ({"token": []},),
    Access.GUILD: (_NAMED, {"token": []}),
    Access.DADMIN: (_NAMED,),
    Access.HOOK: ({"webhookSignature": []},),
    Access.KEY_OR_USER: ({"serviceKey": []}, {"token": []}),
    Access.OPERATOR: ({"serviceKey": []}, {"operator": []}),
    Access.CONSOLE: ({"serviceKey": []}, {"operator": []}),
}
"""What each class of callers offers: one of these."""

_REQUEST_ID: Final = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
_HEADERS: Final[Mapping[str, Schema]] = {
    "RequestId": {"description": "The id of the request.", "required": True, "schema": {"type": "string"}},
    "RetryAfter": {
        "description": "Whole seconds until there is room again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
_FAULT: Final[Schema] = {
    "type": "object",
    "description": "One fault of a request: where, what, and its stable name.",
    "properties": {
        "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "msg": {"type": "string"},
        "type": {"type": "string"},
    },
    "required": ["loc", "msg", "type"],
}


def document(routes: Iterable[Route], *, title: str, version: str) -> Schema:
    """The description of these routes."""
    schemas = Schemas()
    paths: dict[str, Schema] = defaultdict(dict)
    tags: dict[str, None] = {}
    for route in routes:
        paths[route.plain_path][route.method.lower()] = operation(route, schemas)
        tags[route.tag] = None
    return {
        "openapi": OPENAPI,
        "info": {"title": title, "version": version, "description": ABOUT},
        "tags": [{"name": tag} for tag in tags],
        "paths": dict(paths),
        "components": {
            "schemas": {"Fault": _FAULT, **schemas.components},
            "headers": dict(_HEADERS),
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }


def operation(route: Route, schemas: Schemas) -> Schema:
    """One route."""
    limit = LIMITS[route.limit]
    found: Schema = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "responses": _responses(route, schemas),
        "x-access": route.access.value,
        "x-rate-limit": {"class": route.limit.value, "requests": limit, "seconds": int(WINDOW)},
        "x-deadline-seconds": route.deadline,
    }
    if route.description:
        found["description"] = route.description
    if parameters := _parameters(route, schemas):
        found["parameters"] = parameters
    if route.body is not None:
        content = {JSON: {"schema": schemas.of(route.body, Direction.GIVEN)}}
        found["requestBody"] = {"required": True, "content": content}
    if security := SECURITY[route.access]:
        found["security"] = list(security)
    return found


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", route.plain_path.lower())
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route, schemas: Schemas) -> list[Schema]:
    found: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _as_text(schemas.of(route.params.get(name, str), Direction.GIVEN)),
        }
        for name in route.names
    ]
    if route.query is not None:
        query = schemas.object(route.query, Direction.GIVEN)
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in query.get("required", ()),
                "schema": _as_text(schema),
            }
            for name, schema in query["properties"].items()
        ]
    if route.method == "GET" and route.media == JSON:
        told = "`string`: every Discord id of the answer is a string."
        found.append({"name": "ids", "in": "query", "description": told, "schema": {"type": "string"}})
    if route.idempotency is not None:
        told = "A request that is repeated with the same key has its effect once (within ten minutes)."
        schema = {"type": "string", "maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "description": told, "schema": schema})
    return found


def _as_text(schema: Schema) -> Schema:
    """A schema for a place where everything is text: of an id's two forms, the digits."""
    forms = [form for form in schema.get("anyOf", ()) if form != {"type": "null"}]
    if not forms:
        return schema
    told = {"description": schema["description"]} if "description" in schema else {}
    return _as_text({**forms[0], **told})


def _responses(route: Route, schemas: Schemas) -> Schema:
    found: Schema = {
        str(status): _answer(route, kind, schemas)
        for status, kind in {route.status: route.answer, **route.statuses}.items()
    }
    by_status: dict[int, list[str]] = defaultdict(list)
    by_status[SLOW_BODY[0]].append(SLOW_BODY[1])
    for code in sorted(codes_of(route)):
        by_status[CODES[code][0]].append(code)
    for status, codes in sorted(by_status.items()):
        error = _error(status, codes)
        if str(status) in found:
            known = found[str(status)]["content"][JSON]["schema"]
            schema = {"anyOf": [known, error["content"][JSON]["schema"]]}
            error["content"] = {JSON: {"schema": schema}}
        found[str(status)] = error
    return found


def _answer(route: Route, kind: Any, schemas: Schemas) -> Schema:
    if route.media == JSON:
        content = {JSON: {"schema": schemas.of(Any if kind is None else kind, Direction.ANSWERED)}}
    else:
        content = {route.media: {"schema": {"type": "string"}}}
    return {"description": "Done.", "headers": dict(_REQUEST_ID), "content": content}


def _error(status: int, codes: list[str]) -> Schema:
    told = " ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
    if status == SLOW_BODY[0]:
        told = "`timeout`: the body took too long to arrive."
    detail: Schema = {"type": "string"}
    if "validation_error" in codes:
        faults = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}
        detail = faults if codes == ["validation_error"] else {"anyOf": [faults, detail]}
    schema = {
        "type": "object",
        "properties": {"detail": detail, "code": {"type": "string", "enum": codes}},
        "required": ["detail", "code"],
    }
    headers = dict(_REQUEST_ID)
    if status == 429:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return {"description": told, "headers": headers, "content": {JSON: {"schema": schema}}}

"""Requests and answers checked against Discord's OpenAPI document, where it is at hand.

The document lies beside the repository, at ``../shared/discord/openapi.json``. Tests skip without it:
``discord = openapi.validator()``, then ``pytest.skip(openapi.ABSENT)`` if that is None.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

import attrs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).resolve().parents[2].parent / "shared" / "discord" / "openapi.json"
ABSENT = "Discord's OpenAPI document is not at hand (../shared/discord/openapi.json)"

if TYPE_CHECKING:
    from alphapy.sandbox.rest.log import Record, RequestLog

_URI = "discord:openapi"
_PARAMETER = re.compile(r"\{([^}]+)\}")


@attrs.frozen
class _Template:
    template: str
    pattern: re.Pattern[str]
    item: Mapping[str, Any]

    @property
    def literal_length(self) -> int:
        return len(_PARAMETER.sub("", self.template))


class RequestValidator:
    """Tells what is wrong with a request, or with its answer, according to the document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        found = [
            _Template(template, re.compile(_pattern(template)), item)
            for template, item in document["paths"].items()
        ]
        self._templates = sorted(found, key=lambda template: -template.literal_length)
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}
        """What is wrong with the values that were checked already: each start registers all commands."""

    def violations(self, method: str, target: str, body: object = None) -> list[str]:
        """What the document forbids about ``METHOD /path?query`` with this JSON body; empty when all is well.

        ``body`` is None for a request without one; of a form with files it is the ``payload_json``.
        ``target`` has no ``/api/v10``.
        """
        path, _, query = target.partition("?")
        for template in self._templates:
            match = template.pattern.fullmatch(path)
            if match is not None and method.lower() in template.item:
                return [
                    f"{method} {template.template}: {problem}"
                    for problem in self._problems(template, match, method.lower(), query, body)
                ]
        return [f"{method} {path}: no such operation"]

    def answer_violations(self, method: str, path: str, status: int, body: object = None) -> list[str]:
        """What the document forbids about the answer to a request; an empty body is None.

        Refusals and failures are not checked: the document says next to nothing about them.
        """
        for template in self._templates:
            operation = template.item.get(method.lower())
            if operation is not None and template.pattern.fullmatch(path) is not None:
                pointer = f"#/paths/{_escaped(template.template)}/{method.lower()}/responses/{status}"
                described = operation["responses"].get(str(status))
                problems = self._answer_problems(pointer, described, status, body)
                return [f"{method} {template.template}: {problem}" for problem in problems]
        return [f"{method} {path}: no such operation"]

    def _answer_problems(
        self, pointer: str, described: Mapping[str, Any] | None, status: int, body: object
    ) -> Iterator[str]:
        if status >= 400:
            return
        if described is None:
            yield f"{status} is no answer of it"
        elif ("content" in described) != (body is not None):
            yield f"{status} {'has a' if body is None else 'has no'} body"
        elif body is not None:
            yield from self._check(f"{pointer}/content/application~1json/schema", body, "answer")

    def _problems(
        self, template: _Template, match: re.Match[str], method: str, query: str, body: object
    ) -> Iterator[str]:
        operation = template.item[method]
        at = f"#/paths/{_escaped(template.template)}"
        for number, parameter in enumerate(template.item.get("parameters", ())):
            if parameter["in"] == "path":
                value = unquote(match[_PARAMETER.findall(template.template).index(parameter["name"]) + 1])
                yield from self._check(f"{at}/parameters/{number}/schema", value, parameter["name"])
        known = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        for name, _value in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                yield f"no query parameter {name!r}"
        described = operation.get("requestBody")
        if described is None:
            if body is not None:
                yield "has no body"
        elif body is None:
            if described.get("required"):
                yield "needs a body"
        elif "application/json" in described["content"]:
            schema = f"{at}/{method}/requestBody/content/application~1json/schema"
            yield from self._check(schema, body, "body")

    def _check(self, pointer: str, value: object, name: str) -> Iterator[str]:
        key = (pointer, json.dumps(value))
        if key not in self._known:
            validator = Draft202012Validator({"$ref": _URI + pointer}, registry=self._registry)
            found = [best_match([error]) or error for error in validator.iter_errors(value)]
            self._known[key] = tuple(f"{_path(error)}: {_brief(error.message)}" for error in found)
        yield from (f"{name}{problem}" for problem in self._known[key])


@functools.cache
def validator() -> RequestValidator | None:
    """The validator, or None where the document is not at hand."""
    if not DOCUMENT.is_file():
        return None
    return RequestValidator(json.loads(DOCUMENT.read_bytes()))


def watch_answers(requests: RequestLog) -> list[str]:
    """A list that fills with what the document, where it is at hand, says against the sandbox's answers."""
    discord = validator()
    violations: list[str] = []

    def check(record: Record, answer: object) -> None:
        if discord is not None and record.route:
            path = quote(record.path, safe="/@")
            violations.extend(discord.answer_violations(record.method, path, record.status, answer))

    requests.listen(check)
    return violations


def _pattern(template: str) -> str:
    return "".join("([^/]+)" if _PARAMETER.fullmatch(part) else re.escape(part) for part in _parts(template))


def _parts(template: str) -> list[str]:
    return re.split(r"(\{[^}]+\})", template)


def _escaped(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _brief(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:60]} … {text[-120:]}"


def _path(error: ValidationError) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)

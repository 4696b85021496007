"""The description of the routes, for programs and for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from typing_extensions import override

from alphapy.pure.http_limits import LIMITS, LimitClass
from alphapy.web.routing.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.house import House

JSON = dict[str, Any]


def operations(document: JSON) -> Iterator[tuple[str, str, JSON]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def schemas(node: object) -> Iterator[JSON]:
    """Every schema within a document."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            yield node["schema"]
        for inner in node.values():
            yield from schemas(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from schemas(inner)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


async def test_it_is_openapi_3_1_and_names_every_declared_route(house: House) -> None:
    document = await house.json("/api/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    declared = {
        (rule.endpoint.partition(" ")[0].lower(), rule.endpoint.partition(" ")[2].replace(":path}", "}"))
        for rule in house.app.url_map.iter_rules()
        if " " in rule.endpoint
    }
    assert {(method, path) for method, path, _ in operations(document)} == declared
    assert {("get", "/api/openapi.json"), ("get", "/api/health"), ("get", "/status")} <= declared


async def test_its_schemas_are_schemas_and_its_references_lead_somewhere(house: House) -> None:
    document = await house.json("/api/openapi.json")
    found = [*schemas(document["paths"]), *document["components"]["schemas"].values()]
    assert len(found) > 50
    for schema in found:
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node


async def test_every_operation_says_who_how_often_how_long_and_what_may_go_wrong(house: House) -> None:
    document = await house.json("/api/openapi.json")
    ids = set()
    for method, path, operation in operations(document):
        ids.add(operation["operationId"])
        limit = operation["x-rate-limit"]
        assert limit["requests"] == LIMITS[LimitClass(limit["class"])], path
        assert operation["x-deadline-seconds"] > 0
        assert operation["summary"], path
        assert {"429", "500", "503", "504", "413", "408"} <= set(operation["responses"]), path
        assert bool(operation.get("security")) == (operation["x-access"] != "open"), path
        placed = {found["name"] for found in operation.get("parameters", ()) if found["in"] == "path"}
        assert placed == set(re.findall(r"\{([a-z_]+)\}", path))
        for status, answer in operation["responses"].items():
            assert "X-Request-ID" in answer["headers"], (method, path, status)
            for code in codes(answer):
                assert CODES[code][0] == int(status) or (code, status) == ("timeout", "408")
    assert len(ids) == len(list(operations(document)))


def codes(answer: JSON) -> list[str]:
    schema = answer["content"].get("application/json", {}).get("schema", {})
    found: list[str] = schema.get("properties", {}).get("code", {}).get("enum", [])
    return found


async def test_a_route_in_full(house: House) -> None:
    document = await house.json("/api/openapi.json")
    history = document["paths"]["/api/health/history"]["get"]
    hours, limit, ids = history["parameters"]
    assert (hours["name"], hours["schema"]["default"], hours["required"]) == ("hours", 24, False)
    assert limit["schema"] == {
        "type": "integer",
        "description": "Moved to the nearest number from 1 to 1000.",
        "default": 100,
    }
    assert (ids["name"], ids["in"]) == ("ids", "query")
    reference = history["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["required"] == ["history", "period_hours", "total_records"]
    unread, refused = history["responses"]["503"]["content"]["application/json"]["schema"]["anyOf"]
    assert unread["$ref"].endswith("HistoryUnread")
    assert "overloaded" in refused["properties"]["code"]["enum"]


class Page(HTMLParser):
    """The ids, the links and the loaded addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids += [values["id"]] if "id" in values else []
        if tag == "a":
            self.links.append(values["href"])
        elif "src" in values or "href" in values:
            self.loaded.append(values.get("src") or values["href"])

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere(house: House) -> None:
    document = await house.json("/api/openapi.json")
    answer = await house.get("/api/docs")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = Page()
    page.feed(answer.text)
    assert len(page.ids) == len(set(page.ids))
    assert {found["operationId"] for _, _, found in operations(document)} <= set(page.ids)
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)
    assert page.loaded
    for address in page.loaded:
        assert address.startswith("/console/static/")
        assert (await house.get(address)).status_code == 200
    assert "`" not in page.text
    assert "<code>" not in page.text
    assert "Undefined" not in page.text

"""The head of a request."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from alphapy.web.routing.message import Head, plain_path


def head(*headers: tuple[str, str], path: str = "/", peer: str = "9.9.9.9") -> Head:
    scope: dict[str, Any] = {
        "method": "GET",
        "path": path,
        "client": (peer, 1) if peer else None,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    return Head.of(scope)


@pytest.mark.parametrize(
    ("forwarded", "proxies", "client"),
    [
        ((), 0, "9.9.9.9"),
        (("1.1.1.1",), 0, "9.9.9.9"),
        (("1.1.1.1",), 1, "1.1.1.1"),
        (("6.6.6.6, 1.1.1.1",), 1, "1.1.1.1"),
        (("6.6.6.6, 1.1.1.1 , 2.2.2.2",), 2, "1.1.1.1"),
        (("6.6.6.6", "1.1.1.1", "2.2.2.2"), 2, "1.1.1.1"),
        (("1.1.1.1",), 2, "9.9.9.9"),
        ((), 1, "9.9.9.9"),
        (("not an address",), 1, "9.9.9.9"),
        (("",), 1, "9.9.9.9"),
        (("2001:DB8::1",), 1, "2001:db8::1"),
    ],
)
def test_whose_request_it_is(forwarded: tuple[str, ...], proxies: int, client: str) -> None:
    assert head(*(("X-Forwarded-For", value) for value in forwarded)).client(proxies) == client


def test_headers_have_names_in_any_case_and_the_first_counts() -> None:
    found = head(("x-API-key", "one"), ("X-Api-Key", "two"), ("name", "é"))
    assert found.header("X-Api-Key") == "one"
    assert found.header("Name") == "é"
    assert found.header("other") is None


@pytest.mark.parametrize("given", ["abc-1", "A.b_c-9", "x" * 128])
def test_an_acceptable_request_id_is_the_callers(given: str) -> None:
    assert head(("X-Request-ID", given)).request_id() == given


@pytest.mark.parametrize("given", ["a b", "", "x" * 129, "ä", "a\n", "a;b"])
def test_any_other_is_replaced(given: str) -> None:
    found = head(("X-Request-ID", given)).request_id()
    assert uuid.UUID(found).version == 4
    assert uuid.UUID(head().request_id()).version == 4


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/b", "/a/b"),
        ("//a", "//a"),
        ("http://host/api/health", "/api/health"),
        ("http://host", "/"),
        ("", "/"),
        ("*", "*"),
        ("http://[::1", "/"),
    ],
)
def test_the_path_of_a_target(target: str, path: str) -> None:
    assert plain_path(target) == path


def test_a_request_without_a_peer() -> None:
    assert head(peer="").client(0) == ""

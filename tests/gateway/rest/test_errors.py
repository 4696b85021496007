"""Reading what Discord, or what stands before it, says went wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind, flatten, from_answer, kind_of

TREE = {
    "embeds": {
        "0": {
            "title": {
                "_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]
            },
            "fields": {"2": {"name": {"_errors": [{"code": "X", "message": "This field is required"}]}}},
        }
    },
    "_errors": [{"code": "Y", "message": "all of it"}],
}

json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["_errors", "errors", "message", "code", "0"]), inner
        )
    ),
    max_leaves=20,
)


def test_the_error_tree_becomes_lines() -> None:
    assert flatten(TREE) == (
        "embeds[0].title: Must be 256 or fewer in length.",
        "embeds[0].fields[2].name: This field is required",
        "body: all of it",
    )


def test_an_error_names_route_status_code_and_problems() -> None:
    body = msgspec.json.encode({"code": 50035, "message": "Invalid Form Body", "errors": TREE})
    error = from_answer("POST /channels/{channel_id}/messages", 400, body)
    assert (error.kind, error.status, error.code) == (DiscordErrorKind.INVALID, 400, 50035)
    assert str(error).startswith(
        "POST /channels/{channel_id}/messages: 400 invalid, code 50035: Invalid Form Body (embeds[0].title: "
    )


@pytest.mark.parametrize(
    ("status", "kind", "transient", "in_doubt"),
    [
        (302, DiscordErrorKind.MALFORMED, False, True),
        (400, DiscordErrorKind.INVALID, False, False),
        (401, DiscordErrorKind.UNAUTHORIZED, False, False),
        (403, DiscordErrorKind.FORBIDDEN, False, False),
        (404, DiscordErrorKind.NOT_FOUND, False, False),
        (405, DiscordErrorKind.INVALID, False, False),
        (429, DiscordErrorKind.RATE_LIMITED, True, False),
        (500, DiscordErrorKind.SERVER, True, True),
        (503, DiscordErrorKind.SERVER, True, True),
    ],
)
def test_what_a_status_means(status: int, kind: DiscordErrorKind, transient: bool, in_doubt: bool) -> None:
    assert kind_of(status) is kind
    error = from_answer("GET /x", status, b"<html>")
    assert error.message == f"HTTP status {status}"
    assert (error.transient, error.in_doubt) == (transient, in_doubt)


def test_what_was_never_sent_is_not_in_doubt() -> None:
    error = DiscordError(kind=DiscordErrorKind.TIMED_OUT, route="GET /x", message="late", sent=False)
    assert error.transient
    assert not error.in_doubt
    assert str(error) == "GET /x: timed_out: late"


@given(json_values)
def test_no_body_breaks_the_reading(value: object) -> None:
    error = from_answer("GET /x", 400, msgspec.json.encode(value))
    assert error.message
    assert len(error.problems) <= 20


@given(st.binary(max_size=50))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    assert from_answer("GET /x", 400, body).kind is DiscordErrorKind.INVALID


def test_a_deep_or_wide_tree_is_read_in_part() -> None:
    deep: Any = {"_errors": [{"message": "bottom"}]}
    for _ in range(500):
        deep = {"a": deep}
    assert flatten(deep) == ()
    assert from_answer("GET /x", 400, b'{"errors":' * 5000 + b"1" + b"}" * 5000).problems == ()
    wide = {str(number): {"_errors": [{"message": "m"}]} for number in range(100)}
    assert len(flatten(wide)) == 20

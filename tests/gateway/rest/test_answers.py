"""Rate-limit headers, read tolerantly."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.rest.answers import Answer, Bucket, Scope, read_answer

HEADERS = {
    "x-ratelimit-bucket": "abcd1234",
    "x-ratelimit-limit": "5",
    "x-ratelimit-remaining": "4",
    "x-ratelimit-reset-after": "1.250",
}
texts = st.none() | st.text(max_size=6) | st.sampled_from(["nan", "inf", "-1", "0", "5", "1e400", "٣"])


def test_a_bucket_is_read_from_the_headers() -> None:
    assert read_answer(200, HEADERS, b"{}") == Answer(200, Bucket("abcd1234", 5, 4, 1.25))


@pytest.mark.parametrize("missing", HEADERS)
def test_half_a_bucket_is_none(missing: str) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    assert read_answer(200, headers, b"").bucket is None


@pytest.mark.parametrize(
    ("headers", "body", "scope", "seconds"),
    [
        ({"x-ratelimit-scope": "user", "retry-after": "2"}, b'{"retry_after": 1.3}', Scope.USER, 1.3),
        ({"x-ratelimit-scope": "shared"}, b'{"retry_after": 0.5}', Scope.SHARED, 0.5),
        ({"x-ratelimit-scope": "global"}, b'{"retry_after": 1}', Scope.GLOBAL, 1.0),
        ({"x-ratelimit-global": "true", "retry-after": "3"}, b"{}", Scope.GLOBAL, 3.0),
        ({}, b'{"global": true, "retry_after": 1}', Scope.GLOBAL, 1.0),
        ({}, b'{"retry_after": 1}', Scope.USER, 1.0),
        ({"retry-after": "600"}, b"error code: 1015", Scope.EDGE, 600.0),
        ({}, b"<html>", Scope.EDGE, 5.0),
        ({"retry-after": "soon"}, b'{"retry_after": "nan"}', Scope.USER, 5.0),
        ({"retry-after": "99999999"}, b"[]", Scope.EDGE, 86400.0),
    ],
)
def test_whose_limit_a_429_is_about(
    headers: dict[str, str], body: bytes, scope: Scope, seconds: float
) -> None:
    answer = read_answer(429, headers, body)
    assert (answer.scope, answer.retry_after) == (scope, seconds)
    assert answer.counts_as_invalid is (scope is not Scope.SHARED)


@pytest.mark.parametrize(
    ("status", "counts"), [(200, False), (400, False), (401, True), (403, True), (404, False)]
)
def test_what_counts_towards_the_ban(status: int, counts: bool) -> None:
    assert Answer(status).counts_as_invalid is counts


@given(texts, texts, texts, texts, texts, st.binary(max_size=20), st.sampled_from([200, 429]))
def test_no_headers_break_the_reading(
    name: str | None, limit: str | None, remaining: str | None, reset: str | None, retry: str | None,
    body: bytes, status: int,
) -> None:  # fmt: skip
    found = dict(zip(HEADERS, (name, limit, remaining, reset), strict=True)) | {"retry-after": retry}
    answer = read_answer(status, {key: value for key, value in found.items() if value is not None}, body)
    assert math.isfinite(answer.retry_after)
    assert answer.retry_after >= 0
    if answer.bucket is not None:
        assert 0 <= answer.bucket.remaining <= answer.bucket.limit
        assert math.isfinite(answer.bucket.reset_after)

"""Secrets are masked, known or not; everything else stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.masking import MASK, Mask

TOKEN = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5MDEyMzQ1Njc4OTpBYkNkRWY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_0"
BOT = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST https://discord.com/api/v10/webhooks/123/{TOKEN}/messages/@original", TOKEN),
        (f"/interactions/123456/{TOKEN}/callback?with_response=true", TOKEN),
        ("connecting to postgresql://bot:hunt%40er2@db:5432/alphapy", "hunt%40er2"),
        ("postgresql://:only-a-password@db/alphapy", "only-a-password"),
        ("host=db user=bot password=hunter2 dbname=x", "hunter2"),
        (f"the token {JWT} has expired", JWT),
        (f"Authorization: Bearer {JWT}", JWT),
        (f"Authorization: Bot {BOT}", BOT),
        (f"login with {BOT}", BOT),
        ("Authorization: Bearer 0123456789abcdef0123", "0123456789abcdef0123"),
        ("grant?client_id=1&client_secret=s3cr3t&code=abc", "s3cr3t"),
        ("GET /callback?code=the-code&state=1", "the-code"),
        ('{"access_token": "opaque", "expires_in": 5}', "opaque"),
        ("X-API-Key: some-key", "some-key"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(text: str, secret: str) -> None:
    masked = Mask()(text)
    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        "an actor crashed",
        "POST /webhooks/{webhook_id}/{webhook_token}: 404 not_found, code 10015",
        "http://127.0.0.1:8000/console",
        "mail somebody@example.org about http://host:80/",
        "the bot registration was successful",
        "API_KEY is not set: strict security mode needs it",
        "guild/123456789012345678/custom_commands",
        "postgresql://db/alphapy",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Mask()(text) == text


def test_the_rest_of_a_line_stays_readable() -> None:
    assert (
        Mask()("at postgresql://bot:hunter2@db:5432/x: refused") == "at postgresql://bot:…@db:5432/x: refused"
    )
    assert Mask(["hunter2!"])("hunter2! and hunter2!") == "… and …"
    assert Mask(["short"])("short") == "short"


@given(st.text(min_size=6), st.text(), st.text())
def test_a_known_secret_is_nowhere_in_the_text(secret: str, before: str, after: str) -> None:
    masked = Mask([secret])(f"{before}{secret}{after}")
    assert secret not in masked or secret in MASK * 6


_plain = st.text(max_size=30)


@given(
    st.dictionaries(_plain, st.one_of(_plain, st.sampled_from([JWT, f"/webhooks/1/{TOKEN}", "a://b:c@d"])))
)
def test_masked_json_is_json(fields: dict[str, str]) -> None:
    masked = json.loads(Mask()(json.dumps(fields, ensure_ascii=False)))
    assert len(masked) <= len(fields)
    assert JWT not in json.dumps(masked)

"""Which websites may read answers (spec/api.md 7.3)."""

from __future__ import annotations

from alphapy.web.routing.cors import DEVELOPMENT, PRODUCT, Origins

APP = b"https://app.innersync.tech"


def named(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


def test_the_products_own_and_outside_production_a_developers() -> None:
    assert Origins.of((), production=True).allowed == {origin.encode() for origin in PRODUCT}
    assert DEVELOPMENT.encode() in Origins.of((), production=False).allowed
    mine = Origins.of(("https://mine.test",), production=True)
    assert mine.allowed == {b"https://mine.test"}


def test_an_allowed_origin_is_echoed_with_credentials() -> None:
    found = named(Origins.of((), production=True).headers(APP))
    assert found["access-control-allow-origin"] == APP.decode()
    assert found["access-control-allow-credentials"] == "true"
    assert found["vary"] == "Origin"
    assert found["access-control-expose-headers"] == "X-Request-ID, Retry-After, Idempotent-Replayed"


def test_nobody_else_gets_anything() -> None:
    origins = Origins.of((), production=True)
    for origin in (
        None,
        b"",
        b"null",
        b"https://evil.test",
        b"http://app.innersync.tech",
        b"https://app.innersync.tech.evil.test",
        b"https://APP.innersync.tech",
        b"http://localhost:3000",
    ):
        assert named(origins.headers(origin)) == {"vary": "Origin"}
        assert origins.preflight(origin or b"", b"x-a") == ()


def test_a_star_means_everybody_and_nobodys_credentials() -> None:
    origins = Origins.of(("*", "https://mine.test"), production=True)
    found = named(origins.headers(b"https://mine.test"))
    assert found["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in found
    assert origins.headers(None) == ()
    assert b"access-control-allow-methods" in dict(origins.preflight(b"https://any.test", None))


def test_a_preflight_says_what_may_be_sent() -> None:
    origins = Origins.of((), production=True)
    assert named(origins.preflight(APP, b"x-api-key, content-type")) == {
        "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
        "access-control-max-age": "600",
        "access-control-allow-headers": "x-api-key, content-type",
    }
    assert "access-control-allow-headers" not in named(origins.preflight(APP, None))

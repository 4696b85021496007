"""The watch over the logs of the whole test run sees what it must see."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from alphapy.environment import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.leaks import LeakWatch

log = logging.getLogger("alphapy.test_leaks")


@pytest.fixture
def watch(leak_watch: LeakWatch) -> Iterator[LeakWatch]:
    """The watch of the run, whose finds are expected here."""
    yield leak_watch
    leak_watch.take()


def test_a_secret_is_seen_wherever_it_stands(watch: LeakWatch) -> None:
    value = "a-secret-of-this-test-0815"
    secret = Secret(value)
    log.warning("the secret is %s", secret)
    assert watch.take() == []
    log.warning("the secret is %s", value)
    log.warning("extra", extra={"field": {"inside": value}})
    try:
        raise ValueError(value)
    except ValueError:
        log.exception("traceback")
    found = watch.take()
    assert len(found) == 3
    assert value not in str(found)


def test_a_password_of_an_address_and_the_shape_of_a_token_are_seen(watch: LeakWatch) -> None:
    Secret("postgresql://bot:pass%40word-0815@db/alphapy")
    log.warning("it is pass@word-0815")
    log.warning("POST /webhooks/12345/aW50ZXJhY3Rpb246MTIz/messages/@original")
    assert len(watch.take()) == 2


def test_what_is_no_secret_is_not_told(watch: LeakWatch) -> None:
    log.warning("nothing", extra={"guild_id": 5, "event": "nothing"})
    logging.getLogger("alphapy.sandbox.rest").warning("POST /webhooks/12345/aW50ZXJhY3Rpb246MTIz")
    assert watch.take() == []

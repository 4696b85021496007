"""Databases of the earlier implementation, at each of its revisions."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from alphapy.storage import migrate
from tests.storage.adoption.support import PREDECESSORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.postgres import Databases


@pytest.fixture(scope="module")
def chain(databases: Databases) -> Iterator[Mapping[str, str]]:
    """The names of databases to copy, by the revision they are at; each is made out of the one before."""
    made: dict[str, str] = {}
    template = "template0"
    with ExitStack() as stack:
        for revision in PREDECESSORS:
            url = stack.enter_context(databases.fresh(template))
            migrate.upgrade(url, revision)
            template = made[revision] = url.partition("@/")[2].partition("?")[0]
        yield made

"""Schemathesis against the served description: no 5xx, no undocumented status, no answer of another form.

The application runs behind a socket, with its actors and a real database, in the test's Trio run; what
Schemathesis generates is sent from a thread. The examples are the same in every run.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
import trio
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from alphapy.environment import Secret
from alphapy.web.auth.security import Security
from tests.web.neighbours import ADMIN
from tests.web.routes.conftest import KEY, open_desk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.storage.pool import Pool

EXAMPLES = 3
"""For each operation, each way of generating, and each caller."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
CALLERS: Mapping[str, Mapping[str, str]] = {
    "nobody": {},
    "an admin, named by the service": {"X-Api-Key": KEY, "X-Discord-User-Id": str(ADMIN)},
}


def send_everything(base: str, headers: Mapping[str, str]) -> tuple[int, list[str]]:
    """Send examples to every operation: how many operations there are, and what the checks found."""
    schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json")
    results = list(schema.get_all_operations())
    operations = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(operations) == len(results)
    # Each example comes on a connection of its own; left open, they would be too many of one address.
    headers = {**headers, "Connection": "close"}
    found = []
    for operation, mode in itertools.product(operations, GenerationMode):

        @hypothesis.settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            case.call_and_validate(base_url=base, headers=headers, checks=CHECKS, timeout=30)

        try:
            send()
        except BaseExceptionGroup as group:
            found.append(f"{operation.label}: {group}")
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing can be wrong with a request that has no parts
    return len(operations), found


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_operation_keeps_to_its_description(pool: Pool, caller: str) -> None:
    security = Security(hook_secrets={"SUPABASE_WEBHOOK_SECRET": Secret("hook-secret")})
    async with open_desk(pool, security=security) as desk:
        operations, found = await trio.to_thread.run_sync(send_everything, desk.house.base, CALLERS[caller])
    assert not found, "\n\n".join(found)
    assert operations >= 25

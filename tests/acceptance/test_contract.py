"""Every request that the bot makes is one that Discord's own description of its interface allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.demo import Script
from alphapy.launcher import Plan, Progress, running_stack
from tests.support import openapi
from tests.support.bot import contract_violations

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_whole_demo_keeps_to_discords_description(tmp_path: Path) -> None:
    if openapi.validator() is None:
        pytest.skip(openapi.ABSENT)
    async with running_stack(Plan(data_dir=tmp_path, port=0), Progress()) as stack:
        script = Script(stack)
        await script.play()
        routes = {f"{record.method} {record.route}" for record in stack.sandbox.requests.records}
        assert contract_violations(stack.sandbox) == []
    assert {
        "GET /gateway/bot",
        "PUT /applications/{application_id}/commands",
        "POST /interactions/{interaction_id}/{token}/callback",
        "POST /channels/{channel_id}/messages",
    } <= routes


def test_the_description_would_notice_a_wrong_request() -> None:
    checker = openapi.validator()
    if checker is None:
        pytest.skip(openapi.ABSENT)
    assert checker.violations("POST", "/channels/1/messages", {"content": 5})
    assert checker.violations("POST", "/no/such/path", {})

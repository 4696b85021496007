"""The log of a whole service with trouble all around: JSON lines, bounded, and without one secret."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.logging_setup import MAX_LINE, set_up_logging
from alphapy.sandbox.faults import GatewayFault, RestFault
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.bot import Stage
    from tests.support.leaks import LeakWatch
    from tests.support.postgres import Databases

SECRETS = {
    name: f"value-of-{name.lower()}-0815"
    for name in (
        "API_KEY",
        "SUPABASE_JWT_SECRET",
        "SUPABASE_SERVICE_ROLE_KEY",
        "SUPABASE_WEBHOOK_SECRET",
        "PREMIUM_INVALIDATE_WEBHOOK_SECRET",
        "APP_REFLECTIONS_WEBHOOK_SECRET",
        "FOUNDER_WEBHOOK_SECRET",
        "LEGAL_UPDATE_WEBHOOK_SECRET",
        "DISCORD_LINK_WEBHOOK_SECRET",
        "DISCORD_CLIENT_SECRET",
        "GITHUB_TOKEN",
    )
}
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMDAwIn0.c2lnbmF0dXJlLW9mLXRoaXM"


@pytest.fixture
def logs() -> Iterator[None]:
    """What the test sets up is taken away again."""
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    sys.excepthook = hook
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers[:] = before
    root.setLevel(level)


async def test_no_secret_is_in_the_log_of_a_troubled_service(
    offstage: Stage,
    databases: Databases,
    tmp_path: Path,
    logs: None,
    leak_watch: LeakWatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "alphapy.log"
    offstage.environment = {**SECRETS, "LOG_FILE": str(file), "LOG_LEVEL": "DEBUG"}
    tokens: list[str] = []

    async def fails(_self: Any, invocation: Any) -> None:
        """A handler that says too much, and then its answer is lost, too."""
        tokens.append(invocation.interaction.token)
        url = f"https://discord.com/api/webhooks/1/{invocation.interaction.token}"
        raise RuntimeError(f"{url} {SECRETS['API_KEY']} postgresql://bot:hunter2@db/x Bearer {JWT}")

    monkeypatch.setattr("alphapy.actors.status.commands.StatusCommands._version", fails)
    set_up_logging(offstage.config())
    ada = offstage.person("ada")
    async with offstage.bot() as service:
        faults = offstage.sandbox.faults
        ada.slash(offstage.general, "/version")
        await wait_until(lambda: len(tokens) == 1, what="the failure")
        faults.arm_rest(RestFault.SERVER_ERROR, times=12, status=503)
        ada.slash(offstage.general, "/version")
        await wait_until(lambda: len(tokens) == 2, what="the second failure")
        await wait_until(lambda: not faults.rest or bool(faults.struck), what="the faults")
        faults.disarm()
        faults.arm_gateway(GatewayFault.DROP)
        await wait_until(lambda: service.shards.statistics()[0].reconnects >= 1, what="the drop")
        async with outage(databases, offstage.database_url):
            view = ada.slash(offstage.general, "/health")
            await view.wait_reply()
        await view.wait_done()
    lines = file.read_text().splitlines()
    text = "\n".join(lines)
    entries = [json.loads(line) for line in lines]
    assert all(len(line.encode()) <= MAX_LINE for line in lines)
    known = [*SECRETS.values(), offstage.demo.token, JWT, "hunter2", *tokens]
    assert [secret for secret in known if secret in text] == []
    failures = [entry for entry in entries if entry.get("event") == "invocation_failed"]
    assert len(failures) == 2
    assert all(entry["trace_id"] and entry["guild_id"] == offstage.demo.guild_id for entry in failures)
    assert all("RuntimeError" in entry["traceback"] for entry in failures)
    of_actors = [entry for entry in entries if entry.get("event") == "operational_event"]
    assert {entry["actor"] for entry in of_actors} == {"process/operational_events"}
    leak_watch.take()  # it sees records before they are masked, and these were meant

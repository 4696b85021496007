"""What the log channel and the admins are shown: evidence that is inert, results, summaries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alphapy.actors.automod.ledger import state_of, why
from alphapy.actors.automod.reporting import Reporter, evidence, inert, results
from alphapy.gateway.models.outgoing import EMBED_TOTAL
from alphapy.pure.ids import GuildId
from alphapy.storage.automod import Logged

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
REPORTER = Reporter(GuildId(1), lambda log_id: f"am:undo:{log_id}")


def logged(number: int, *, steps: dict[str, str] | None = None, **changes: Any) -> Logged:
    values: dict[str, Any] = {
        "id": number,
        "event_key": f"{number}:0",
        "user_id": number % 7,
        "message_id": number,
        "channel_id": 5,
        "rule_id": 1,
        "action_taken": "delete",
        "content": "x" * 900,
        "ai_analysis": None,
        "context": {
            "_meta": {
                "rule_name": "r" * 100,
                "reason": "why",
                "delivery": {"steps": steps or {"delete": "done"}},
            }
        },
        "moderator_id": None,
        "at": NOW,
        "appeal_status": "none",
    }
    return Logged(**values | changes)


def test_a_few_violations_have_an_embed_and_a_button_each_within_discords_limits() -> None:
    messages = list(REPORTER.messages([logged(number) for number in range(1, 11)]))
    assert sum(len(message.embeds) for message in messages) == 10
    for message in messages:
        assert sum(embed.size for embed in message.embeds) <= EMBED_TOTAL
        assert message.to_json()["allowed_mentions"]["parse"] == []
    labels = [b["label"] for m in messages for row in m.to_json()["components"] for b in row["components"]]
    assert labels == [f"Undo #{number}" for number in range(1, 11)]


def test_many_violations_are_summed_up() -> None:
    rows = [logged(number, steps={"ban": "failed: x"} if number % 2 else None) for number in range(1, 501)]
    [message] = REPORTER.messages(rows)
    [embed] = message.embeds
    assert "**500** violations by **7** members" in (embed.description or "")
    fields = {field.name: field.value for field in embed.fields}
    assert fields["Rules"] == f"{'r' * 100} × 500"
    assert fields["Result"].startswith("❌ 250 ")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({"delete": "done"}, []),
        ({"ban": "failed: I lack it"}, ["❌ the ban: I lack it"]),
        ({"warn": "throttled"}, ["⏳ not warned again: one warning in 30 seconds is enough"]),
        (
            {"mute": "no_mute_role"},
            ["❌ muting the member: there is no role for it, see `/automod set_mute_role`"],
        ),
        ({"timeout": "pending"}, ["⏳ the timeout: still being tried"]),
    ],
)
def test_what_did_not_go_as_planned_is_said(steps: dict[str, str], words: list[str]) -> None:
    assert results(logged(1, steps=steps)) == words


def test_evidence_pings_nobody_and_links_nowhere() -> None:
    shown = evidence("``` @everyone <@1> https://x.example")
    assert shown.count("```") == 2
    assert "https" not in shown
    assert "@everyone" not in shown
    assert "<@1>" not in shown
    assert inert("**a**\nHTTP://x", 100) == "\\*\\*a\\*\\* HXXP://x"


def test_old_rows_without_a_channel_or_a_rule_are_shown() -> None:
    embed = REPORTER.embed(logged(1, context={}, channel_id=None, rule_id=None, content=None))
    fields = {field.name: field.value for field in embed.fields}
    assert (fields["Channel"], fields["Rule"]) == ("Unknown", "deleted rule")


def test_how_a_delivery_stands() -> None:
    assert state_of({"delete": "done", "warn": "throttled"}) == "done"
    assert state_of({"delete": "done", "warn": "pending"}) == "pending"
    assert state_of({"delete": "done", "ban": "failed: x"}) == "partial"
    assert state_of({"mute": "no_mute_role"}) == "failed"


def test_reasons_are_for_people() -> None:
    assert why("PUT x: 403 forbidden, code 50013") == "I lack the permission, or the member ranks above me"
    assert why("404 not_found") == "the member or the channel is gone"
    assert why("expired") == "not in time"
    assert why("400 invalid") == "Discord does not accept it"

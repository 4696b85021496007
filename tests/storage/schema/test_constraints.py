"""What the newest schema enforces (spec/schema.md 10: scenarios 5, 6 and 16)."""

from __future__ import annotations

import os

import psycopg
import pytest
from psycopg import sql

from tests.storage.schema.support import run, value


def test_scenario_5_one_active_subscription_per_user(database_url: str) -> None:
    insert = "INSERT INTO premium_subs (user_id, guild_id, tier, status) VALUES (1, %s, 'monthly', %s)"
    run(database_url, insert, 5, "active")
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        run(database_url, insert, 6, "active")
    assert caught.value.diag.constraint_name == "idx_premium_subs_one_active_per_user"
    run(database_url, insert, 6, "expired")
    run(database_url, insert, 6, "expired")


def test_scenario_6_row_security_hides_premium_from_other_roles(database_url: str) -> None:
    run(
        database_url,
        "INSERT INTO premium_subs (user_id, guild_id, tier, status) VALUES (1, 5, 'monthly', 'active')",
    )
    role = sql.Identifier(f"anon_{os.getpid()}")
    with psycopg.connect(database_url) as connection:
        # Roles belong to the whole server; the transaction is never committed.
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON premium_subs TO {}").format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        assert connection.execute("SELECT count(*) FROM premium_subs").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "INSERT INTO premium_subs (id, user_id, guild_id, tier, status) VALUES (9, 2, 5, 'x', 'x')"
            )
        connection.rollback()
    assert (
        value(database_url, "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'premium_subs'")
        is False
    )


def test_scenario_16_logs_and_statistics_outlive_their_rule(database_url: str) -> None:
    run(
        database_url,
        """
        INSERT INTO automod_actions (guild_id, action_type, config) VALUES (5, 'delete', '{}');
        INSERT INTO automod_rules (guild_id, rule_type, name, config, action_id)
            VALUES (5, 'spam', 'a', '{}', 1);
        INSERT INTO automod_logs (guild_id, user_id, rule_id, action_taken)
            SELECT 5, 7, 1, 'delete' FROM generate_series(1, 4);
        INSERT INTO automod_stats (guild_id, rule_id, date) VALUES (5, 1, '2026-03-01');
        """,
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(database_url, "DELETE FROM automod_actions WHERE guild_id = 5 AND id = 1")
    run(
        database_url,
        "DELETE FROM automod_rules WHERE guild_id = 5 AND id = 1;"
        " DELETE FROM automod_actions WHERE guild_id = 5 AND id = 1",
    )
    assert run(database_url, "SELECT rule_id, count(*) FROM automod_logs GROUP BY 1") == [(None, 4)]
    assert run(database_url, "SELECT rule_id FROM automod_stats") == [(None,)]


@pytest.mark.parametrize("severity", [0, 11])
def test_severity_is_a_priority_from_1_to_10(database_url: str, severity: int) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="automod_actions_severity_check"):
        run(
            database_url,
            "INSERT INTO automod_actions (guild_id, action_type, config, severity)"
            " VALUES (5, 'warn', '{}', %s)",
            severity,
        )


def test_one_watcher_reminder_per_message(database_url: str) -> None:
    insert = """
        INSERT INTO reminders (guild_id, name, channel_id, origin_channel_id, origin_message_id, source)
        VALUES (%s, 'a', 9, 10, 11, %s)
    """
    run(database_url, insert, 5, "watcher")
    run(database_url, insert, 5, "command")
    run(database_url, insert, 6, "watcher")
    with pytest.raises(psycopg.errors.UniqueViolation, match="idx_reminders_watcher_origin"):
        run(database_url, insert, 5, "watcher")

"""Taking over what earlier implementations left (spec/schema.md 5.2 and section 10)."""

from __future__ import annotations

import psycopg
import pytest

from alphapy.storage import migrate
from alphapy.storage.evolution.errors import MigrationError, Refused
from tests.storage.schema.shapes import MULTI_GUILD_CONVERSION, SINGLE_GUILD
from tests.storage.schema.support import assert_newest, catalog, run, stamp, value


def counts(dsn: str) -> dict[str, int]:
    return {name: value(dsn, f'SELECT count(*) FROM "{name}"') for name in catalog(dsn)}  # noqa: S608 - ours


def guilds(dsn: str, table: str) -> list[tuple[int]]:
    return run(dsn, f"SELECT DISTINCT guild_id FROM {table}")  # noqa: S608 - ours


def test_scenario_3_rows_survive_from_014(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "014_gpt_usage_tracking")
    run(
        empty_database_url,
        "INSERT INTO premium_subs (user_id, guild_id, tier, status)"
        " SELECT n, 5, 'monthly', 'active' FROM generate_series(1, 3) AS n",
    )
    assert "expiry_warning_sent_at" not in catalog(empty_database_url)["premium_subs"].columns
    migrate.upgrade(empty_database_url)
    assert run(empty_database_url, "SELECT user_id, expiry_warning_sent_at FROM premium_subs ORDER BY 1") == [
        (1, None),
        (2, None),
        (3, None),
    ]
    assert_newest(empty_database_url)


def test_scenario_4_the_newest_active_subscription_stays_active(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "004_reminders_image_url")
    run(
        empty_database_url,
        """
        INSERT INTO premium_subs (user_id, guild_id, tier, status, created_at) VALUES
            (1, 5, 'monthly', 'active', '2026-02-01'), (1, 6, 'monthly', 'active', '2026-01-01'),
            (2, 5, 'yearly', 'active', '2026-01-01'), (2, 6, 'yearly', 'active', '2026-01-01'),
            (3, 5, 'yearly', 'active', NULL), (3, 6, 'yearly', 'active', '2020-01-01'),
            (4, 6, 'yearly', 'expired', '2020-01-01')
        """,
    )
    migrate.upgrade(empty_database_url, "005_premium_one_active_per_user")
    assert run(empty_database_url, "SELECT user_id, guild_id, status FROM premium_subs ORDER BY 1, 2") == [
        (1, 5, "active"),
        (1, 6, "cancelled"),
        (2, 5, "cancelled"),
        (2, 6, "active"),
        (3, 5, "cancelled"),
        (3, 6, "active"),
        (4, 6, "expired"),
    ]


def test_scenario_7_consent_without_a_guild_becomes_guild_0(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "018_gdpr_acceptance_add_guild_id")
    run(empty_database_url, "INSERT INTO gdpr_acceptance (user_id, guild_id, accepted) VALUES (7, NULL, 1)")
    migrate.upgrade(empty_database_url)
    run(empty_database_url, "INSERT INTO gdpr_acceptance (user_id, guild_id, accepted) VALUES (7, 55, 1)")
    assert run(
        empty_database_url, "SELECT user_id, guild_id, accepted FROM gdpr_acceptance ORDER BY guild_id"
    ) == [(7, 0, 1), (7, 55, 1)]
    key = catalog(empty_database_url)["gdpr_acceptance"].primary_key
    assert key is not None
    assert key.columns == ("user_id", "guild_id")


def test_scenario_8_keys_of_two_columns_and_a_default_guild(empty_database_url: str) -> None:
    run(empty_database_url, MULTI_GUILD_CONVERSION)
    migrate.upgrade(empty_database_url)
    assert_newest(empty_database_url)
    reminders = catalog(empty_database_url)["reminders"]
    assert reminders.primary_key is not None
    assert reminders.primary_key.columns == ("id",)
    assert reminders.columns["guild_id"].default is None
    assert run(empty_database_url, "SELECT guild_id, name FROM reminders ORDER BY id") == [
        (111222333, "old"),
        (5, "new"),
    ]
    with pytest.raises(psycopg.errors.NotNullViolation, match="guild_id"):
        run(empty_database_url, "INSERT INTO reminders (name, channel_id) VALUES ('x', 9)")


def test_the_same_id_under_two_guilds_is_refused_with_the_list(empty_database_url: str) -> None:
    run(empty_database_url, MULTI_GUILD_CONVERSION)
    run(
        empty_database_url,
        "INSERT INTO reminders (id, guild_id, name, channel_id) VALUES (1, 6, 'twin', 9)",
    )
    before = counts(empty_database_url)
    with pytest.raises(Refused, match=r"reminders.*\(1,\) in guilds 6, 111222333") as caught:
        migrate.upgrade(empty_database_url)
    assert caught.value.exit_code == 3
    assert migrate.current(empty_database_url) == "027_agent_nudge_state"
    after = counts(empty_database_url)
    assert {name: after[name] for name in before} == before


def test_scenario_9_faq_searches_keep_their_counts(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    migrate.upgrade(empty_database_url)
    assert run(empty_database_url, "SELECT query, results_count, searched_at::text FROM faq_search_logs") == [
        ("how", 2, "2025-05-05 12:00:00+00")
    ]
    run(empty_database_url, "INSERT INTO faq_search_logs (user_id, query, results_count) VALUES (7, 'x', 0)")


def test_faq_searches_with_old_and_new_columns_are_merged(at_027: str) -> None:
    run(at_027, "ALTER TABLE faq_search_logs ADD match_count integer NOT NULL, ADD created_at timestamptz")
    run(
        at_027,
        """
        INSERT INTO faq_search_logs (query, match_count, results_count, created_at, searched_at)
        VALUES ('a', 2, NULL, '2025-01-01', NULL), ('b', 3, 4, '2025-01-01', '2025-02-02')
        """,
    )
    migrate.upgrade(at_027)
    assert run(at_027, "SELECT results_count, searched_at::date::text FROM faq_search_logs ORDER BY id") == [
        (2, "2025-01-01"),
        (4, "2025-02-02"),
    ]
    run(at_027, "INSERT INTO faq_search_logs (user_id, query, results_count) VALUES (7, 'x', 0)")


def test_scenario_10_an_unstamped_single_guild_database(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_GUILD_ID", "")
    monkeypatch.setenv("MAIN_GUILD_ID", "777")
    run(empty_database_url, SINGLE_GUILD)
    before = counts(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert_newest(empty_database_url)
    after = counts(empty_database_url)
    assert {name: after[name] for name in before} == before
    for table in (
        "bot_settings",
        "reminders",
        "support_tickets",
        "onboarding",
        "guild_rules",
        "invite_tracker",
    ):
        assert guilds(empty_database_url, table) == [(777,)], table
    assert run(empty_database_url, "SELECT name, event_time::text FROM reminders ORDER BY id") == [
        ("weekly", None),
        ("once", "2026-03-01 19:00:00+00"),
    ]
    assert run(empty_database_url, "SELECT note FROM something_else") == [("mine",)]
    # Another guild may have its own rule number one, and the same member its own onboarding.
    run(
        empty_database_url,
        """
        INSERT INTO guild_rules (guild_id, rule_order, title, description) VALUES (5, 1, 'a', 'b');
        INSERT INTO onboarding (guild_id, user_id) VALUES (5, 7);
        INSERT INTO invite_tracker (guild_id, user_id) VALUES (5, 7);
        INSERT INTO ticket_metrics (scope, counts) VALUES ('7d', '{}');
        INSERT INTO faq_entries (title) VALUES ('new')
        """,
    )


def test_consent_times_are_never_invented(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    migrate.upgrade(empty_database_url)
    assert run(
        empty_database_url,
        "SELECT user_id, guild_id, accepted, timestamp::text FROM gdpr_acceptance ORDER BY user_id",
    ) == [(7, 0, 1, "1970-01-01 00:00:00"), (8, 0, 0, "2025-01-01 00:00:00")]


def test_older_tickets_have_no_invented_update_time(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    migrate.upgrade(empty_database_url)
    assert run(empty_database_url, "SELECT DISTINCT updated_at FROM support_tickets") == [(None,)]


def test_scenario_11_a_table_that_never_came_is_created(at_027: str) -> None:
    assert "verification_tickets" not in catalog(at_027)
    migrate.upgrade(at_027)
    assert "verification_tickets" in catalog(at_027)
    assert_newest(at_027)


@pytest.mark.parametrize(
    "revision",
    [
        "001_initial",
        "004_reminders_image_url",
        "012_add_guild_id_indexes",
        "017_verification_payment_date",
        "024_agent_session_usage",
        "027_agent_nudge_state",
    ],
)
def test_an_empty_database_falsely_stamped_converges(empty_database_url: str, revision: str) -> None:
    stamp(empty_database_url, revision)
    migrate.upgrade(empty_database_url)
    assert_newest(empty_database_url)


def test_a_single_guild_database_falsely_stamped_converges(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    stamp(empty_database_url, "011_add_reminder_sent_message_id")
    migrate.upgrade(empty_database_url)
    assert_newest(empty_database_url)


def test_scenario_23_the_old_offset_moves_to_its_new_key(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "012_add_guild_id_indexes")
    run(
        empty_database_url,
        """
        INSERT INTO bot_settings (guild_id, scope, key, value, value_type) VALUES
            (5, 'embedwatcher', 'embed_watcher_offset_hours', '2', 'int'),
            (6, 'embedwatcher', 'embed_watcher_offset_hours', '"\\"100\\""', NULL),
            (7, 'embedwatcher', 'embed_watcher_offset_hours', '3', 'int'),
            (7, 'embedwatcher', 'reminder_offset_minutes', '15', 'int'),
            (5, 'guild', 'module_status', '{"faq": false}', NULL),
            (5, 'module_status', 'gdpr', 'false', NULL),
            (5, 'module_status', 'faq', '"disabled"', NULL),
            (5, 'module_status', 'growth', 'true', NULL),
            (5, 'module_status', 'unheard_of', 'false', NULL),
            (5, 'system', 'onboarding_channel_id', '9', 'channel'),
            (5, 'system', 'log_channel_id', '9', 'channel')
        """,
    )
    migrate.upgrade(empty_database_url)
    assert run(
        empty_database_url,
        "SELECT guild_id, scope, key, value, value_type FROM bot_settings ORDER BY guild_id, scope, key",
    ) == [
        (5, "embedwatcher", "reminder_offset_minutes", 120, "int"),
        (5, "faq", "enabled", False, "bool"),
        (5, "gdpr", "enabled", False, "bool"),
        (5, "system", "log_channel_id", 9, "channel"),
        (6, "embedwatcher", "reminder_offset_minutes", 4320, "int"),
        (7, "embedwatcher", "reminder_offset_minutes", 15, "int"),
    ]
    deleted = run(
        empty_database_url,
        "SELECT guild_id, scope, key, old_value, new_value FROM settings_history"
        " WHERE change_type = 'deleted' ORDER BY guild_id, scope, key",
    )
    assert [row[:3] for row in deleted] == [
        (5, "embedwatcher", "embed_watcher_offset_hours"),
        (5, "guild", "module_status"),
        (5, "module_status", "faq"),
        (5, "module_status", "gdpr"),
        (5, "module_status", "growth"),
        (5, "module_status", "unheard_of"),
        (5, "system", "onboarding_channel_id"),
        (6, "embedwatcher", "embed_watcher_offset_hours"),
        (7, "embedwatcher", "embed_watcher_offset_hours"),
    ]
    assert deleted[0][3:] == (2, None)
    # JSON null, not SQL NULL.
    assert value(
        empty_database_url,
        "SELECT count(*) FROM settings_history WHERE change_type = 'deleted' AND new_value = 'null'::jsonb",
    ) == len(deleted)


def test_addresses_of_those_who_accepted_terms_are_dropped(
    empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrate.upgrade(empty_database_url, "015_premium_expiry_warning")
    run(
        empty_database_url,
        "INSERT INTO terms_acceptance (user_id, ip_address) VALUES (7, '192.0.2.1'), (8, NULL)",
    )
    assert value(empty_database_url, "SELECT DISTINCT version FROM terms_acceptance") == "2026-02-27"
    migrate.upgrade(empty_database_url)
    assert "with the 1 addresses it holds" in caplog.text
    run(empty_database_url, "INSERT INTO terms_acceptance (user_id) VALUES (9)")
    assert run(empty_database_url, "SELECT user_id, version FROM terms_acceptance ORDER BY 1") == [
        (7, "2026-02-27"),
        (8, "2026-02-27"),
        (9, "2026-03-02"),
    ]
    assert_newest(empty_database_url)


def test_severity_outside_the_range_is_clamped(at_027: str) -> None:
    run(
        at_027,
        "INSERT INTO automod_actions (guild_id, action_type, config, severity)"
        " SELECT 5, 'warn', '{}', n FROM unnest('{-3,5,99,NULL}'::integer[]) AS n",
    )
    migrate.upgrade(at_027)
    assert run(at_027, "SELECT severity FROM automod_actions ORDER BY id") == [(1,), (5,), (10,), (None,)]


def test_a_sequence_behind_its_ids_catches_up(at_027: str) -> None:
    run(
        at_027,
        """
        INSERT INTO audit_logs (id, guild_id, user_id, command_name, command_type)
            VALUES (41, 5, 7, 'a', 'slash');
        ALTER TABLE faq_entries ALTER id DROP DEFAULT;
        DROP SEQUENCE faq_entries_id_seq;
        INSERT INTO faq_entries (id) VALUES (6);
        ALTER TABLE guild_rules ALTER id DROP DEFAULT, ALTER id ADD GENERATED ALWAYS AS IDENTITY;
        INSERT INTO guild_rules (guild_id, rule_order, title, description) VALUES (5, 1, 'a', 'b')
        """,
    )
    migrate.upgrade(at_027)
    assert_newest(at_027)
    for insert, expected in (
        ("audit_logs (guild_id, user_id, command_name, command_type) VALUES (5, 7, 'a', 'slash')", 42),
        ("faq_entries (title) VALUES ('a')", 7),
        ("guild_rules (guild_id, rule_order, title, description) VALUES (5, 2, 'a', 'b')", 2),
    ):
        assert value(at_027, f"INSERT INTO {insert} RETURNING id") == expected


def test_types_of_earlier_days_are_converted_with_their_values(at_027: str) -> None:
    run(
        at_027,
        """
        ALTER TABLE audit_logs ALTER created_at TYPE timestamp, ALTER created_at SET DEFAULT '2020-01-01',
            ALTER command_name TYPE varchar(80), ALTER guild_id TYPE integer;
        ALTER TABLE guild_rules ALTER created_at TYPE timestamptz;
        ALTER TABLE gdpr_acceptance ALTER accepted DROP DEFAULT, ALTER accepted TYPE boolean USING false;
        INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, created_at)
            VALUES (5, 7, 'a', 'slash', '2026-01-01 12:00');
        INSERT INTO gdpr_acceptance (user_id, guild_id, accepted) VALUES (7, 5, true)
        """,
    )
    migrate.upgrade(at_027)
    assert_newest(at_027)
    assert run(at_027, "SELECT guild_id, created_at::text FROM audit_logs") == [(5, "2026-01-01 12:00:00+00")]
    assert run(at_027, "SELECT accepted FROM gdpr_acceptance") == [(1,)]


def test_values_that_fit_no_conversion_stop_the_upgrade_and_change_nothing(at_027: str) -> None:
    run(
        at_027,
        "ALTER TABLE automod_rules ALTER config TYPE text;"
        " INSERT INTO automod_rules (guild_id, rule_type, name, config) VALUES (5, 'spam', 'a', 'not json')",
    )
    with pytest.raises(MigrationError, match="invalid input syntax for type json") as caught:
        migrate.upgrade(at_027)
    assert caught.value.exit_code == 1
    assert migrate.current(at_027) == "027_agent_nudge_state"


def test_references_get_their_delete_rule_and_orphans_are_settled(at_027: str) -> None:
    run(
        at_027,
        """
        ALTER TABLE automod_logs DROP CONSTRAINT automod_logs_rule_id_fkey;
        INSERT INTO automod_logs (guild_id, user_id, rule_id, action_taken) VALUES (5, 7, 99, 'delete');
        ALTER TABLE automod_stats RENAME CONSTRAINT automod_stats_rule_id_fkey TO another_name
        """,
    )
    migrate.upgrade(at_027)
    assert_newest(at_027)
    assert run(at_027, "SELECT rule_id, action_taken FROM automod_logs") == [(None, "delete")]


def test_orphans_that_cannot_be_settled_are_refused_with_the_list(at_027: str) -> None:
    run(
        at_027,
        "ALTER TABLE engagement_participants DROP CONSTRAINT engagement_participants_challenge_id_fkey;"
        " INSERT INTO engagement_participants (challenge_id, user_id)"
        " SELECT n, 7 FROM generate_series(1, 30) AS n",
    )
    with pytest.raises(Refused, match=r"engagement_participants.*engagement_challenges.* and 10 more"):
        migrate.upgrade(at_027)
    assert migrate.current(at_027) == "027_agent_nudge_state"


def test_row_security_is_on_again_after_the_table_was_made_anew(at_027: str) -> None:
    run(
        at_027,
        """
        ALTER TABLE premium_subs DISABLE ROW LEVEL SECURITY;
        DROP INDEX idx_premium_subs_one_active_per_user;
        INSERT INTO premium_subs (user_id, guild_id, tier, status)
            VALUES (1, 5, 'yearly', 'active'), (1, 6, 'yearly', 'active')
        """,
    )
    migrate.upgrade(at_027)
    assert_newest(at_027)
    assert run(at_027, "SELECT guild_id, status FROM premium_subs ORDER BY id") == [
        (5, "cancelled"),
        (6, "active"),
    ]


def test_names_and_definitions_that_differ_are_made_right(at_027: str) -> None:
    run(
        at_027,
        """
        ALTER TABLE custom_commands RENAME CONSTRAINT custom_commands_guild_id_name_key TO one_name_per_guild;
        ALTER TABLE custom_commands RENAME CONSTRAINT custom_commands_pkey TO pk;
        ALTER TABLE automod_stats DROP CONSTRAINT automod_stats_guild_id_rule_id_date_key;
        CREATE INDEX automod_stats_guild_id_rule_id_date_key ON automod_stats (guild_id);
        DROP INDEX idx_health_check_history_checked_at;
        CREATE INDEX idx_health_check_history_checked_at ON health_check_history (checked_at);
        DROP INDEX idx_audit_logs_command;
        CREATE UNIQUE INDEX idx_audit_logs_command ON audit_logs USING btree (command_name, created_at);
        ALTER TABLE gpt_usage DROP CONSTRAINT gpt_usage_pkey
        """,
    )
    migrate.upgrade(at_027)
    assert_newest(at_027)


def test_columns_that_the_service_does_not_know_never_block_it(at_027: str) -> None:
    run(at_027, "ALTER TABLE audit_logs ADD COLUMN shard integer NOT NULL")
    migrate.upgrade(at_027)
    run(
        at_027,
        "INSERT INTO audit_logs (guild_id, user_id, command_name, command_type) VALUES (5, 7, 'a', 'slash')",
    )
    assert migrate.check(at_027).extra == ("audit_logs: column shard",)


def test_a_legacy_guild_that_is_no_id_is_refused(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_GUILD_ID", "my guild")
    with pytest.raises(MigrationError, match="LEGACY_GUILD_ID"):
        migrate.upgrade(empty_database_url)

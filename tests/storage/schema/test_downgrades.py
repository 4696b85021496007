"""Downgrades lose nothing silently (spec/schema.md 5.4)."""

from __future__ import annotations

import pytest

from alphapy.storage import migrate
from alphapy.storage.evolution.errors import Refused
from tests.storage.schema.support import assert_newest, catalog, run, value


def test_scenario_15_a_column_that_holds_a_value_is_refused(database_url: str) -> None:
    run(
        database_url,
        """
        INSERT INTO verification_tickets (guild_id, user_id, channel_id, payment_date)
        VALUES (5, 7, 9, '2026-03-01')
        """,
    )
    migrate.downgrade(database_url, "017_verification_payment_date", allow_data_loss=True)
    before = catalog(database_url)
    with pytest.raises(Refused, match=r"column verification_tickets\.payment_date holds values") as caught:
        migrate.downgrade(database_url)
    assert caught.value.exit_code == 3
    assert migrate.current(database_url) == "017_verification_payment_date"
    assert catalog(database_url) == before
    migrate.downgrade(database_url, allow_data_loss=True)
    assert migrate.current(database_url) == "016_gdpr_compliance"
    assert "payment_date" not in catalog(database_url)["verification_tickets"].columns
    assert run(database_url, "SELECT guild_id, user_id FROM verification_tickets") == [(5, 7)]
    migrate.upgrade(database_url)
    assert_newest(database_url)


def test_a_table_that_holds_rows_is_refused_and_the_whole_way_down_undone(database_url: str) -> None:
    run(database_url, "INSERT INTO gpt_usage (user_id, guild_id) VALUES (7, 5)")
    before = catalog(database_url)
    with pytest.raises(Refused, match="table gpt_usage holds rows"):
        migrate.downgrade(database_url, "base")
    assert migrate.current(database_url) == migrate.head()
    assert catalog(database_url) == before
    assert run(database_url, "SELECT user_id, guild_id FROM gpt_usage") == [(7, 5)]


def test_028_and_the_settings_revisions_change_nothing_on_the_way_down(database_url: str) -> None:
    run(database_url, "INSERT INTO invite_tracker VALUES (5, 7, 3)")
    for revision in ("028_reconcile_schema", "021_cleanup_module_status", "013_cleanup_stale_bot_settings"):
        migrate.downgrade(database_url, revision, allow_data_loss=True)
        before = catalog(database_url)
        migrate.downgrade(database_url)
        assert migrate.current(database_url) != revision
        assert catalog(database_url) == before
    assert value(database_url, "SELECT invite_count FROM invite_tracker") == 3


def test_005_only_drops_its_index(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "005_premium_one_active_per_user")
    run(
        empty_database_url,
        "INSERT INTO premium_subs (user_id, guild_id, tier, status) VALUES (1, 5, 'monthly', 'active')",
    )
    indexes = {index.name for index in catalog(empty_database_url)["premium_subs"].indexes}
    migrate.downgrade(empty_database_url)
    left = {index.name for index in catalog(empty_database_url)["premium_subs"].indexes}
    assert indexes - left == {"idx_premium_subs_one_active_per_user"}
    assert value(empty_database_url, "SELECT status FROM premium_subs") == "active"


def test_consent_per_guild_goes_back_to_consent_per_user_only_with_leave(database_url: str) -> None:
    run(
        database_url,
        """
        INSERT INTO gdpr_acceptance (user_id, guild_id, accepted, timestamp)
        VALUES (7, 5, 1, '2026-01-01'), (7, 6, 0, '2026-02-01'), (8, 5, 1, '2026-01-01')
        """,
    )
    migrate.downgrade(database_url, "018_gdpr_acceptance_add_guild_id", allow_data_loss=True)
    with pytest.raises(Refused, match=r"gdpr_acceptance\.guild_id"):
        migrate.downgrade(database_url)
    migrate.downgrade(database_url, allow_data_loss=True)
    key = catalog(database_url)["gdpr_acceptance"].primary_key
    assert key is not None
    assert key.columns == ("user_id",)
    assert run(database_url, "SELECT user_id, accepted FROM gdpr_acceptance ORDER BY 1") == [(7, 0), (8, 1)]


def test_feature_extensions_come_off_with_leave_and_come_back(database_url: str) -> None:
    run(database_url, "INSERT INTO reminders (guild_id, name, channel_id) VALUES (5, 'tea', 9)")
    with pytest.raises(Refused, match=r"column reminders\.kind holds values"):
        migrate.downgrade(database_url, "029_service_tables")
    migrate.downgrade(database_url, "029_service_tables", allow_data_loss=True)
    assert "kind" not in catalog(database_url)["reminders"].columns
    migrate.upgrade(database_url)
    assert_newest(database_url)
    # Older rows: what was never said stays unsaid, so that nothing due before the upgrade is held back.
    assert run(database_url, "SELECT name, kind, revision, schedule_set_at, created_at FROM reminders") == [
        ("tea", "standard", 1, None, None)
    ]

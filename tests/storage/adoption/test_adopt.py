"""Taking over databases of the earlier implementation: not one row lost or changed in meaning."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from alphapy.storage import migrate
from alphapy.storage.adoption import adopt as module
from alphapy.storage.adoption.adopt import Choices, adopt
from alphapy.storage.adoption.survey import Digest, TableSurvey
from alphapy.storage.catalog.model import Table
from alphapy.storage.evolution.errors import MigrationError, Refused
from alphapy.storage.evolution.notes import Note
from tests.storage.adoption.support import PREDECESSORS, rows, same_meaning, untouched
from tests.storage.schema.rows import fill
from tests.storage.schema.shapes import MULTI_GUILD_CONVERSION, SINGLE_GUILD
from tests.storage.schema.support import assert_newest, catalog, run, stamp, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.storage.adoption.support import Row
    from tests.support.postgres import Databases

HOME = 777
HERE = Choices(legacy_guild=HOME)

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
STAMPS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - a column without zone
VALUES = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "text": TEXTS,
    "text[]": st.lists(TEXTS, max_size=3),
    "boolean": st.booleans(),
    "double precision": st.floats(),
    "jsonb": JSON.map(Jsonb),
    "date": st.dates(date(1, 1, 1)),
    "time without time zone": st.times(max_value=time(23, 59, 59)),
    "timestamp with time zone": STAMPS.map(lambda stamp: stamp.replace(tzinfo=UTC)),
    "timestamp without time zone": STAMPS,
}
"""Two values, one for each person, of every type that the earlier implementation used."""
PALETTES = st.fixed_dictionaries({kind: st.tuples(values, values) for kind, values in VALUES.items()})

CLAIMS = ("truly", "never", "001_initial", PREDECESSORS[-1], "028_reconcile_schema", "newest")
"""What the stamp says."""

TWICE = """
    INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, created_at)
    SELECT guild_id, user_id, command_name, command_type, created_at FROM audit_logs;
    INSERT INTO reminders (guild_id, name, channel_id, message)
    SELECT guild_id, name, channel_id, message FROM reminders
"""
"""Rows that are alike in everything but their number stay as many as they were."""


def consent(row: Row) -> Row:
    """Consent without a guild is consent to guild 0."""
    return {**row, "guild_id": row.get("guild_id") or 0}


def terms(row: Row) -> Row:
    """The address is the one thing that is dropped."""
    return {name: found for name, found in row.items() if name != "ip_address"}


@pytest.mark.parametrize("revision", PREDECESSORS)
@settings(max_examples=1, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(palette=PALETTES, claim=st.sampled_from(CLAIMS))
def test_every_revision_with_any_rows_and_any_stamp(
    databases: Databases, chain: Mapping[str, str], revision: str, palette: Mapping[str, Any], claim: str
) -> None:
    with databases.fresh(chain[revision]) as url:
        drawn = {kind: lambda person, pair=pair: pair[person.number - 1] for kind, pair in palette.items()}
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, palette=drawn)
        run(url, TWICE)
        if claim != "truly":
            stamp(url, {"never": None, "newest": migrate.head()}.get(claim, claim))
        before = rows(url)
        report = adopt(url, HERE, dry_run=False)
        assert_newest(url)
        after = rows(url)
        same_meaning(before, after, {"gdpr_acceptance": consent, "terms_acceptance": terms})
        told = {table.name: table for table in report.tables}
        for name, found in before.items():
            assert told[name].rows_before == told[name].rows_after == len(found) == len(after[name])
        assert all(told[name].rows_after == 0 for name in after.keys() - before.keys())


def test_a_database_of_one_guild(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    before = rows(empty_database_url)
    report = adopt(empty_database_url, HERE, dry_run=False)
    assert_newest(empty_database_url)

    def at_home(row: Row) -> Row:
        return {**row, "guild_id": HOME}

    def reminder(row: Row) -> Row:
        moment = row["scheduled_time"]
        return {**at_home(row), "event_time": None if moment is None else f"{moment}+00:00"}

    def search(row: Row) -> Row:
        return {
            "id": 1,
            "query": row["query"],
            "results_count": row["match_count"],
            "searched_at": row["created_at"],
        }

    def agreed(row: Row) -> Row:
        return {
            "user_id": row["user_id"],
            "guild_id": 0,
            "accepted": row["accepted"] or 0,
            "timestamp": row["timestamp"] or "1970-01-01T00:00:00",
        }

    homes = ("bot_settings", "support_tickets", "onboarding", "guild_rules", "invite_tracker")
    same_meaning(
        before,
        rows(empty_database_url),
        {
            **dict.fromkeys(homes, at_home),
            "reminders": reminder,
            "faq_search_logs": search,
            "gdpr_acceptance": agreed,
        },
    )
    said = str(report)
    assert "reminders: 2 rows\n" in said
    assert "guild_id of 2 rows: none → 777" in said
    assert "primary key: (scope, key) → (guild_id, scope, key)" in said
    assert "match_count is called results_count now" in said
    assert "Done. All rows (15) were compared before and after: none was lost." in said
    assert "guild 0" not in said


@pytest.mark.parametrize(
    "shape", [SINGLE_GUILD, MULTI_GUILD_CONVERSION, None], ids=["single", "multi", "004"]
)
def test_a_dry_run_says_the_same_and_writes_nothing(
    databases: Databases, chain: Mapping[str, str], shape: str | None
) -> None:
    with databases.fresh("template0" if shape else chain["004_reminders_image_url"]) as url:
        if shape is not None:
            run(url, shape)
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                fill(connection)
            # Sequences behind their numbers, a stale setting, two active subscriptions: all is put right.
            run(
                url,
                "ALTER SEQUENCE audit_logs_id_seq RESTART; ALTER SEQUENCE settings_history_id_seq RESTART",
            )
            run(url, "INSERT INTO bot_settings VALUES (5, 'module_status', 'faq', 'false')")
            run(url, "UPDATE premium_subs SET user_id = 42, status = 'active'")
        before = untouched(url)
        planned = adopt(url, HERE, dry_run=True)
        assert untouched(url) == before
        done = adopt(url, HERE, dry_run=False)
        assert (planned.tables, planned.found, planned.reached) == (done.tables, done.found, done.reached)
        assert untouched(url) != before
        assert "Nothing has changed." in str(planned)
        assert planned.as_json()["dry_run"] is True


def test_a_second_time_there_is_nothing_to_do(database_url: str) -> None:
    report = adopt(database_url, HERE, dry_run=False)
    assert report.as_json()["changed"] is False
    assert "Nothing to do" in str(report)


async def test_of_two_takeovers_at_once_one_finds_nothing_to_do(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    changed: list[bool] = []

    async def take_over() -> None:
        report = await trio.to_thread.run_sync(lambda: adopt(empty_database_url, HERE, dry_run=False))
        changed.append(report.as_json()["changed"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_over)
        nursery.start_soon(take_over)
    assert sorted(changed) == [False, True]
    assert_newest(empty_database_url)


def test_retired_settings_are_accounted_for(databases: Databases, chain: Mapping[str, str]) -> None:
    with databases.fresh(chain["012_add_guild_id_indexes"]) as url:
        run(
            url,
            """
            INSERT INTO settings_history (id, guild_id, scope, key, new_value, change_type)
                VALUES (1, 5, 'a', 'b', '1', 'created'), (2, 5, 'a', 'b', '2', 'updated');
            INSERT INTO bot_settings (guild_id, scope, key, value) VALUES
                (5, 'embedwatcher', 'embed_watcher_offset_hours', '2'), (5, 'module_status', 'faq', 'true'),
                (5, 'system', 'log_channel_id', '9')
            """,
        )
        report = adopt(url, HERE, dry_run=False)
        told = {table.name: table for table in report.tables}
        assert (told["bot_settings"].rows_before, told["bot_settings"].rows_after) == (3, 2)
        assert "1 retired settings are removed, 1 of them carried over to their new keys" in str(report)
        assert "bot_settings: 3 → 2 rows" in str(report)
        # The sequence was behind the numbers of the history: it is put right before anything is recorded.
        assert value(url, "SELECT array_agg(id ORDER BY id) FROM settings_history") == [1, 2, 3, 4, 5]


def test_what_is_dropped_is_told(databases: Databases, chain: Mapping[str, str]) -> None:
    with databases.fresh(chain["015_premium_expiry_warning"]) as url:
        run(url, "INSERT INTO terms_acceptance (user_id, ip_address) VALUES (7, '192.0.2.1'), (8, NULL)")
        report = adopt(url, HERE, dry_run=True)
        assert "✂ ip_address is dropped, with the 1 addresses it held" in str(report)


def test_rows_without_a_guild_and_nobody_who_says_which(empty_database_url: str) -> None:
    run(empty_database_url, SINGLE_GUILD)
    assert "--legacy-guild-id" in str(adopt(empty_database_url, Choices(legacy_guild=0), dry_run=True))


def test_the_environment_says_which_guild(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_GUILD_ID", "12345")
    run(empty_database_url, SINGLE_GUILD)
    assert "guild_id of 2 rows: none → 12345" in str(adopt(empty_database_url, Choices(), dry_run=True))


TWINS = """
    INSERT INTO reminders (id, guild_id, name, channel_id) VALUES (1, 6, 'lower', 9), (2, 6, 'twin', 9);
    ALTER TABLE support_tickets DROP CONSTRAINT support_tickets_pkey, ADD PRIMARY KEY (id, guild_id);
    INSERT INTO support_tickets (id, guild_id, user_id, description, created_at) VALUES
        (7, 5, 1, 'the lower guild came later', '2026-02-02'), (7, 9, 2, 'first', '2026-01-01'),
        (8, 5, 3, 'first', '2026-01-01'), (8, 9, 4, 'later', '2026-02-02');
    CREATE TABLE ticket_summaries (id serial PRIMARY KEY, ticket_id integer NOT NULL, summary text NOT NULL);
    INSERT INTO ticket_summaries (ticket_id, summary) VALUES (7, 'of 7 in 5'), (8, 'of 8 in 5')
"""


def test_duplicates_are_refused_with_all_of_them(empty_database_url: str) -> None:
    run(empty_database_url, MULTI_GUILD_CONVERSION)
    run(empty_database_url, TWINS)
    before = untouched(empty_database_url)
    with pytest.raises(Refused) as caught:
        adopt(empty_database_url, HERE, dry_run=False)
    said = str(caught.value)
    assert caught.value.exit_code == 3
    assert "(1,) in guilds 6, 111222333" in said
    assert "(7,) in guilds 5, 9, (8,) in guilds 5, 9" in said
    assert "--renumber-duplicates" in said
    assert untouched(empty_database_url) == before


def test_duplicates_are_numbered_anew_when_asked(empty_database_url: str) -> None:
    run(empty_database_url, MULTI_GUILD_CONVERSION)
    run(empty_database_url, TWINS)
    choices = Choices(legacy_guild=HOME, renumber_duplicates=True)
    report = adopt(empty_database_url, choices, dry_run=False)
    assert_newest(empty_database_url)
    # Nothing tells which reminder is older, so that the lower guild's keeps its number.
    assert run(empty_database_url, "SELECT id, guild_id, name FROM reminders ORDER BY id") == [
        (1, 6, "lower"),
        (2, 5, "new"),
        (3, 111222333, "old"),
        (4, 6, "twin"),
    ]
    # The row that was created later gets a new number; a summary stays with the lower guild's row.
    tickets = "SELECT id, guild_id, description FROM support_tickets WHERE id <> 1 ORDER BY id"
    assert run(empty_database_url, tickets) == [
        (7, 9, "first"),
        (8, 5, "first"),
        (9, 5, "the lower guild came later"),
        (10, 9, "later"),
    ]
    assert run(empty_database_url, "SELECT ticket_id, summary FROM ticket_summaries ORDER BY id") == [
        (9, "of 7 in 5"),
        (8, "of 8 in 5"),
    ]
    assert (
        value(
            empty_database_url,
            "INSERT INTO reminders (guild_id, name, channel_id) VALUES (5, 'x', 9) RETURNING id",
        )
        == 5
    )
    assert "id of 2 rows was another guild's too: → a new number" in str(report)


def test_a_newer_version_has_been_here(database_url: str) -> None:
    stamp(database_url, "999_future")
    with pytest.raises(MigrationError, match="newer version"):
        adopt(database_url, HERE, dry_run=True)


def test_a_table_in_use_is_not_waited_for_long(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.storage.evolution.environment.LOCK_TIMEOUT", b"SET lock_timeout = '50ms'")
    run(empty_database_url, SINGLE_GUILD)
    with psycopg.connect(empty_database_url) as holder:
        holder.execute("SELECT * FROM reminders")
        with pytest.raises(MigrationError, match="in use by another session"):
            adopt(empty_database_url, HERE, dry_run=True)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        ("DELETE FROM reminders WHERE id = 1", r"reminders has 1 rows instead of 2"),
        ("UPDATE support_tickets SET description = 'x'", r"values of support_tickets\.description changed"),
        ("ALTER TABLE faq_entries DROP COLUMN similarity_key", r"values of faq_entries\.similarity_key"),
        ("ALTER TABLE something_else DROP COLUMN note", r"something_else\.note is gone"),
        ("DROP TABLE something_else", r"table something_else is gone"),
    ],
)
def test_a_revision_that_did_harm_is_found_out_and_taken_back(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, harm: str, complaint: str
) -> None:
    """The net under the net: what no revision says it does must not have happened."""
    run(empty_database_url, SINGLE_GUILD)
    before = untouched(empty_database_url)
    upgrade = migrate.upgrade_inside

    def harmful(connection: Any, **options: Any) -> None:
        connection.connection.driver_connection.execute(harm.encode())
        upgrade(connection, **options)

    monkeypatch.setattr(migrate, "upgrade_inside", harmful)
    with pytest.raises(MigrationError, match=complaint):
        adopt(empty_database_url, HERE, dry_run=False)
    assert untouched(empty_database_url) == before


def test_a_result_that_is_not_the_schema_is_not_kept(empty_database_url: str) -> None:
    run(empty_database_url, "CREATE TABLE webhook_receipts (route integer PRIMARY KEY)")
    with pytest.raises(MigrationError, match=r"nothing was changed(?s:.)*route is integer"):
        adopt(empty_database_url, HERE, dry_run=False)
    assert set(catalog(empty_database_url)) == {"webhook_receipts"}


def test_values_may_only_change_where_a_revision_says_so() -> None:
    table = Table(name="t", columns={})
    before = TableSurvey(table, 2, {"a": Digest(2, None), "b": Digest(1, None), "c": Digest(2, None)})
    after = TableSurvey(table, 2, {"z": Digest(2, None), "b": Digest(2, None)})
    notes = [
        Note(table="t", text="", renamed=("a", "z")),
        Note(table="t", text="", columns=("b",)),
        Note(table="t", text="", dropped="c"),
        Note(table="u", text="", deleted=2),
    ]
    assert module.problems(before, after, notes) == []
    assert module.problems(before, after, notes[1:]) == ["t.a is gone"]
    assert module.problems(before, after, [*notes[:1], *notes[2:]]) == ["values of t.b changed"]

"""The comparison that `alphapy db check` and the gate rely on sees every kind of difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import psycopg
import pytest

from alphapy.storage import migrate
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import Report, compare
from alphapy.storage.catalog.declared import declared
from alphapy.storage.catalog.model import canonical_default, canonical_predicate
from alphapy.storage.catalog.notation import parse
from alphapy.storage.evolution import ddl
from alphapy.storage.evolution.frozen import TABLES
from tests.storage.schema.support import catalog, run

if TYPE_CHECKING:
    from alphapy.storage.catalog.model import Table


@attrs.frozen
class Difference:
    """A change to the newest schema, and how the report tells it."""

    change: str
    group: str
    line: str


DIFFERENCES = [
    Difference(
        "DROP TABLE quiz_answers",
        "missing",
        "table quiz_answers",
    ),
    Difference(
        "ALTER TABLE reminders DROP COLUMN name",
        "missing",
        "reminders: column name",
    ),
    Difference(
        "ALTER TABLE reminders ALTER name TYPE varchar(9)",
        "different",
        "reminders: column name is character varying(9) not null, should be text not null",
    ),
    Difference(
        "ALTER TABLE reminders ALTER name DROP NOT NULL",
        "different",
        "reminders: column name is text, should be text not null",
    ),
    Difference(
        "ALTER TABLE reminders ALTER message SET NOT NULL",
        "different",
        "reminders: column message is text not null, should be text",
    ),
    Difference(
        "ALTER TABLE reminders ALTER kind SET DEFAULT 'other'",
        "different",
        "reminders: column kind is text default 'other', should be text default 'standard'",
    ),
    Difference(
        "ALTER TABLE reminders ALTER kind DROP DEFAULT",
        "different",
        "reminders: column kind is text, should be text default 'standard'",
    ),
    Difference(
        "ALTER TABLE quiz_answers ALTER id DROP DEFAULT, ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "different",
        "quiz_answers: column id is integer not null default identity, should be integer not null"
        " default serial",
    ),
    Difference(
        "ALTER TABLE quiz_answers DROP pip_type, ADD pip_type text GENERATED ALWAYS AS (question) STORED",
        "different",
        "quiz_answers: column pip_type is text default generated, should be text",
    ),
    Difference(
        "ALTER TABLE gpt_usage DROP CONSTRAINT gpt_usage_pkey",
        "missing",
        "gpt_usage: primary key gpt_usage_pkey",
    ),
    Difference(
        "ALTER TABLE gpt_usage DROP CONSTRAINT gpt_usage_pkey, ADD PRIMARY KEY (guild_id, user_id,"
        " usage_date)",
        "different",
        "gpt_usage: primary key gpt_usage_pkey is (guild_id, user_id, usage_date), should be"
        " (user_id, guild_id, usage_date)",
    ),
    Difference(
        "ALTER TABLE guild_rules DROP CONSTRAINT guild_rules_guild_id_rule_order_key",
        "missing",
        "guild_rules: unique constraint guild_rules_guild_id_rule_order_key",
    ),
    Difference(
        "ALTER TABLE quiz_answers DROP CONSTRAINT quiz_answers_session_id_fkey",
        "missing",
        "quiz_answers: foreign key quiz_answers_session_id_fkey",
    ),
    Difference(
        "ALTER TABLE quiz_answers DROP CONSTRAINT quiz_answers_session_id_fkey, ADD CONSTRAINT"
        " quiz_answers_session_id_fkey FOREIGN KEY (session_id) REFERENCES quiz_sessions",
        "different",
        "quiz_answers: foreign key quiz_answers_session_id_fkey is (session_id) → quiz_sessions (id)"
        " on delete no action, should be (session_id) → quiz_sessions (id) on delete cascade",
    ),
    Difference(
        "ALTER TABLE automod_actions DROP CONSTRAINT automod_actions_severity_check, ADD CONSTRAINT"
        " automod_actions_severity_check CHECK (severity >= 0)",
        "different",
        "automod_actions: check automod_actions_severity_check is (severity >= 0), should be"
        " (severity >= 1 AND severity <= 10)",
    ),
    Difference(
        "DROP INDEX idx_reminders_time",
        "missing",
        "reminders: index idx_reminders_time",
    ),
    Difference(
        "DROP INDEX idx_reminders_time; CREATE INDEX idx_reminders_time ON reminders USING hash (time)",
        "different",
        "reminders: index idx_reminders_time is (hash, time), should be (time)",
    ),
    Difference(
        "DROP INDEX idx_reminders_time; CREATE INDEX idx_reminders_time ON reminders ((time + '1 h'))",
        "different",
        "reminders: index idx_reminders_time is ((\"time\" + '01:00:00'::interval)), should be (time)",
    ),
    Difference(
        "DROP INDEX idx_reminders_guild_id_id; CREATE INDEX idx_reminders_guild_id_id ON reminders"
        " (guild_id, id)",
        "different",
        "reminders: index idx_reminders_guild_id_id is (guild_id, id), should be (guild_id, id DESC)",
    ),
    Difference(
        "DROP INDEX idx_ticket_effects_open; CREATE UNIQUE INDEX idx_ticket_effects_open ON"
        " ticket_effects (run_at) WHERE done_at IS NOT NULL",
        "different",
        "ticket_effects: index idx_ticket_effects_open is unique (run_at) where done_at IS NOT NULL,"
        " should be (run_at) where done_at IS NULL",
    ),
    Difference(
        "ALTER TABLE premium_subs DISABLE ROW LEVEL SECURITY",
        "different",
        "premium_subs: row-level security is off",
    ),
    Difference(
        "CREATE TABLE mine (id integer)",
        "extra",
        "table mine",
    ),
    Difference(
        "ALTER TABLE reminders ADD mine text",
        "extra",
        "reminders: column mine",
    ),
    Difference(
        "CREATE INDEX mine ON reminders (name)",
        "extra",
        "reminders: index mine",
    ),
]


def test_every_kind_of_difference_is_reported(database_url: str) -> None:
    for told in DIFFERENCES:
        report = compare(declared(), _after(database_url, told.change))
        assert told.line in getattr(report, told.group), told
        assert report.clean == (told.group == "extra"), told
        breaks = told.change.startswith("DROP TABLE") or "DROP COLUMN" in told.change
        assert (told.line in report.breaking) == breaks, told


def _after(url: str, change: str) -> dict[str, Table]:
    with psycopg.connect(url) as connection:
        connection.execute(change.encode())
        found = live.read(connection)
        connection.rollback()
        return found


def test_a_report_reads_well(database_url: str) -> None:
    run(database_url, "DROP INDEX idx_reminders_time; CREATE TABLE mine (id integer)")
    assert str(migrate.check(database_url)) == (
        "The schema differs.\n"
        "missing:\n  reminders: index idx_reminders_time\n"
        "extra (left alone):\n  table mine"
    )
    assert Report().clean


def test_an_empty_database_lacks_every_table(empty_database_url: str) -> None:
    report = migrate.check(empty_database_url)
    assert report.missing == report.breaking
    assert len(report.missing) == len(declared())


def test_what_the_notation_says_is_what_its_statements_build(empty_database_url: str) -> None:
    for table in TABLES.values():
        run(empty_database_url, ddl.create_table(table))
        for index in table.indexes:
            run(empty_database_url, ddl.create_index(table.name, index))
    report = compare(TABLES, catalog(empty_database_url))
    assert report.clean, str(report)
    assert report.extra == ()


def test_notation_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="table a: not understood: unique guild_id"):
        parse("a\n  guild_id bigint\n  unique guild_id")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (None, None),
        ("NULL::character varying", None),
        ("nextval('a_id_seq'::regclass)", "serial"),
        ("CURRENT_TIMESTAMP", "now()"),
        ("'5'::bigint", "5"),
        ("'-1.5'::numeric", "-1.5"),
        ("'open'::text", "'open'"),
        ("'{}'::jsonb", "'{}'::jsonb"),
        ("CURRENT_DATE", "CURRENT_DATE"),
    ],
)
def test_defaults_have_one_spelling(written: str | None, canonical: str | None) -> None:
    assert canonical_default(written) == canonical


def test_predicates_have_one_spelling() -> None:
    assert canonical_predicate("((severity >= 1) AND (severity <= 10))") == "severity >= 1 AND severity <= 10"
    assert canonical_predicate("(status = 'active'::text)") == "status = 'active'"
    assert canonical_predicate(None) is None

"""The chain as a whole (spec/schema.md 2.10 and section 10)."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.pool import NullPool

from alphapy.storage import migrate
from alphapy.storage.catalog.compare import compare
from alphapy.storage.catalog.declared import declared
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.tables.metadata import AREAS, METADATA
from tests.storage.schema.support import assert_newest, catalog, run, stamp

if TYPE_CHECKING:
    from alphapy.storage.catalog.model import Table

ROOT = Path(migrate.scripts()).parent

PUBLISHED = (
    "001_initial",
    "002_guild_rules_images",
    "003_premium_subs",
    "004_reminders_image_url",
    "005_premium_one_active_per_user",
    "006_terms_acceptance_gdpr",
    "007_premium_subs_rls",
    "008_app_reflections",
    "009_add_automod_tables",
    "010_add_custom_commands",
    "011_add_reminder_sent_message_id",
    "012_add_guild_id_indexes",
    "013_cleanup_stale_bot_settings",
    "014_gpt_usage_tracking",
    "015_premium_expiry_warning",
    "016_gdpr_compliance",
    "017_verification_payment_date",
    "018_gdpr_acceptance_add_guild_id",
    "019_growth_checkins",
    "020_engagement_system",
    "021_cleanup_module_status",
    "022_api_observability_tables",
    "023_alphapy_discord_links",
    "024_agent_session_usage",
    "025_growth_checkins_content",
    "026_reminders_completed_flag",
    "027_agent_nudge_state",
    "028_reconcile_schema",
    "029_service_tables",
    "030_feature_extensions",
)


def alembic(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), *arguments],
        env={"DATABASE_URL": dsn, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def stock_config(stdout: io.StringIO) -> Config:
    return Config(ROOT / "alembic.ini", stdout=stdout)


def test_revision_ids_are_the_published_ones_and_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.scripts()))
    config.set_main_option("path_separator", "os")
    chain = ScriptDirectory.from_config(config)
    walked = [script.revision for script in chain.walk_revisions()][::-1]
    assert migrate.revisions() == tuple(walked)
    assert migrate.head() == chain.get_current_head()
    assert migrate.revisions()[: len(PUBLISHED)] == PUBLISHED
    assert all(len(revision) <= 32 for revision in walked)


def test_every_table_belongs_to_an_area() -> None:
    assert {table.name for area in AREAS for table in area.TABLES} == set(METADATA.tables)


def test_scenario_1_empty_to_newest_with_stock_alembic(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alembic(empty_database_url, "upgrade", "head").returncode == 0
    assert_newest(empty_database_url)
    report = migrate.check(empty_database_url)
    assert report.extra == ()
    assert str(report) == "The schema is what this version expects."
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    said = io.StringIO()
    command.current(stock_config(said))
    command.check(stock_config(said))
    assert said.getvalue().split("\n")[:2] == [
        f"{migrate.head()} (head)",
        "No new upgrade operations detected.",
    ]


def test_the_chain_builds_exactly_what_the_metadata_creates(
    database_url: str, empty_database_url: str
) -> None:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(empty_database_url), poolclass=NullPool
    )
    METADATA.create_all(engine)
    migrated = catalog(database_url)
    del migrated["alembic_version"]
    assert migrated == catalog(empty_database_url)


def test_scenario_2_a_second_upgrade_changes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalog(database_url), run(database_url, "SELECT xmin, version_num FROM alembic_version")
    migrate.upgrade(database_url)
    migrate.upgrade(database_url, migrate.head())
    monkeypatch.setenv("DATABASE_URL", database_url)
    command.upgrade(stock_config(io.StringIO()), "head")
    assert (
        catalog(database_url),
        run(database_url, "SELECT xmin, version_num FROM alembic_version"),
    ) == before


def test_each_revision_runs_on_a_database_that_has_its_objects(database_url: str) -> None:
    before = catalog(database_url)
    for previous, revision in zip((None, *migrate.revisions()), migrate.revisions(), strict=False):
        stamp(database_url, previous)
        migrate.upgrade(database_url, revision)
        assert catalog(database_url) == before, revision
    stamp(database_url, None)
    migrate.upgrade(database_url)
    assert catalog(database_url) == before


def test_each_downgrade_step_works_on_an_empty_database_and_back(database_url: str) -> None:
    for revision in reversed(migrate.revisions()):
        before = _names(catalog(database_url))
        migrate.downgrade(database_url)
        assert migrate.current(database_url) != revision
        after = _names(catalog(database_url))
        # The one thing that a downgrade brings back, empty, is what 016 had dropped.
        assert after - before <= {("terms_acceptance", "column", "ip_address")}, revision
        if revision[:3] in {"030", "025", "018", "012", "006"}:
            lower = migrate.current(database_url)
            assert lower is not None
            migrate.upgrade(database_url)
            assert_newest(database_url)
            migrate.downgrade(database_url, lower)
            assert _names(catalog(database_url)) == after, revision
    assert migrate.current(database_url) is None
    # What 028 created stays, as its downgrade does nothing.
    left = set(catalog(database_url)) - {"alembic_version"}
    assert left == {"verification_tickets", "ticket_summaries", "ticket_metrics", "invite_tracker"}
    migrate.upgrade(database_url)
    assert_newest(database_url)


def test_the_downgrade_of_022_leaves_the_tables_of_001(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "022_api_observability_tables")
    before = catalog(empty_database_url)
    migrate.downgrade(empty_database_url)
    assert catalog(empty_database_url) == before


def test_after_028_the_database_is_the_frozen_schema(at_027: str) -> None:
    migrate.upgrade(at_027, "028_reconcile_schema")
    report = compare(TABLES, catalog(at_027))
    assert report.clean, str(report)
    assert report.extra == ()


def test_upgrade_works_from_any_working_directory(empty_database_url: str, tmp_path: Path) -> None:
    program = "import sys; from alphapy.storage import migrate; migrate.upgrade(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, empty_database_url], cwd=tmp_path, check=True)
    assert_newest(empty_database_url)


def test_the_start_path_imports_neither_alembic_nor_sqlalchemy(database_url: str) -> None:
    program = (
        "import sys; from alphapy.storage import migrate; migrate.upgrade(sys.argv[1]);"
        "print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, database_url], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_stock_alembic_says_what_it_needs(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="Set DATABASE_URL"):
        command.current(stock_config(io.StringIO()))
    monkeypatch.setenv("DATABASE_URL", database_url)
    with pytest.raises(CommandError, match="no offline"):
        command.upgrade(stock_config(io.StringIO()), "head", sql=True)


def test_unknown_revisions_are_named(database_url: str) -> None:
    with pytest.raises(migrate.MigrationError, match="Can't locate revision"):
        migrate.downgrade(database_url, "000_nothing")
    stamp(database_url, "999_future")
    with pytest.raises(migrate.MigrationError, match=r"999_future.*newer version") as caught:
        migrate.upgrade(database_url)
    assert migrate.head() in str(caught.value)
    run(database_url, "INSERT INTO alembic_version VALUES ('001_initial')")
    with pytest.raises(migrate.MigrationError, match="several rows"):
        migrate.current(database_url)


@pytest.mark.parametrize("address", ["mysql://somewhere", "postgresql://postgres@127.0.0.1:1/nothing"])
def test_an_address_that_leads_nowhere_is_a_migration_error(address: str) -> None:
    with pytest.raises(migrate.MigrationError, match=r"database address|cannot be reached") as caught:
        migrate.current(address)
    assert caught.value.exit_code == 1


def _names(tables: dict[str, Table]) -> set[tuple[str, str, str]]:
    found = {(name, "column", column) for name, table in tables.items() for column in table.columns}
    found |= {(name, "index", index.name) for name, table in tables.items() for index in table.indexes}
    return found | {(name, "row security", "") for name, table in tables.items() if table.row_security}


def test_metadata_lists_what_the_revisions_froze() -> None:
    """Every table and column of the frozen schema is still declared: nothing was taken away since."""
    report = compare(TABLES, declared())
    assert report.breaking == ()

"""Auto-moderation; actions come before the rules that refer to them."""

from __future__ import annotations

import attrs

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "009_add_automod_tables"
down_revision = "008_app_reflections"

_TABLES = ("automod_actions", "automod_rules", "automod_logs", "automod_stats", "automod_user_history")
_INDEXES = (
    "idx_automod_actions_guild",
    "idx_automod_rules_guild_enabled",
    "idx_automod_rules_type",
    "idx_automod_logs_guild_user",
    "idx_automod_logs_timestamp",
    "idx_automod_logs_rule",
    "idx_automod_stats_date",
    "idx_automod_user_history_guild_user",
)


def upgrade() -> None:
    work = steps()
    for name in _TABLES:
        keys = tuple(attrs.evolve(key, on_delete="NO ACTION") for key in TABLES[name].foreign_keys)
        work.create_table(attrs.evolve(TABLES[name], foreign_keys=keys))
    work.create_indexes(*_INDEXES)


def downgrade() -> None:
    steps().drop_tables(*reversed(_TABLES))

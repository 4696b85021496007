"""How Alembic runs: online, under the migration lock, one transaction for each revision.

``alphapy db upgrade`` hands in the database; stock Alembic commands take it from DATABASE_URL, and
``alembic -x allow-data-loss downgrade -1`` permits what is otherwise refused.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError

from alphapy.storage.evolution.environment import migrator
from alphapy.storage.evolution.errors import MigrationError
from alphapy.storage.tables.metadata import METADATA


def run() -> None:
    attributes = context.config.attributes
    dsn = attributes.get("dsn") or os.environ.get("DATABASE_URL")
    if context.is_offline_mode():
        raise CommandError("The revisions look at the live database; there is no offline (--sql) mode.")
    outer = attributes.get("connection")  # somebody's transaction, under the lock already
    if not dsn and outer is None:
        raise CommandError(
            "Set DATABASE_URL, or use `alphapy db upgrade`, which knows the embedded database."
        )
    with migrator(str(dsn)) if outer is None else nullcontext(outer) as connection:
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            transaction_per_migration=not attributes.get("one_transaction", False),
            compare_server_default=True,
            include_object=_known,
            allow_data_loss=attributes.get("allow_data_loss", False)
            or "allow-data-loss" in context.get_x_argument(as_dictionary=True),
            legacy_guild=attributes.get("legacy_guild"),
            renumber_duplicates=attributes.get("renumber_duplicates", False),
            notes=attributes.get("notes"),
        )
        with context.begin_transaction():
            context.run_migrations()


def _known(_thing: object, _name: str | None, _kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out what only the live database has: it is none of ours."""
    return not (reflected and compare_to is None)


if context.config.cmd_opts is None:
    run()
else:
    fileConfig(str(context.config.config_file_name), disable_existing_loggers=False)
    try:
        run()
    except MigrationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command line
        sys.exit(error.exit_code)

"""${message}."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "${up_revision}"
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    work = steps()


def downgrade() -> None:
    work = steps()

"""Posting: admins have the bot write a message or an embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import Category, Feature
from alphapy.actors.posting.commands import Posts
from alphapy.actors.posting.desk import Desk

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    posts = Posts(Desk(wiring.calls, wiring.guilds, wiring.clock))
    return Feature(
        name="posting",
        category=Category("Utilities", "🛠️"),
        commands=posts.commands(),
        modals=(posts.form,),
    )

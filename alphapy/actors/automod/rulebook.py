"""A guild's rules: read, compiled, changed (spec/moderation.md 5.8).

When it fails: a set that cannot be read leaves the last one in force; it is never taken for "no rules".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import psycopg
import trio

from alphapy.actors.automod.messages import FEATURE, AddRule, ChangeRule, DeleteRule, RuleFigures
from alphapy.pure.automod.changes import NEEDS_PREMIUM, revised
from alphapy.pure.automod.drafts import Rejected
from alphapy.pure.automod.rules import StoredRule
from alphapy.pure.automod.ruleset import RuleSet
from alphapy.storage import automod_rules as storage
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.premium import PremiumBook
    from alphapy.pure.ids import GuildId
    from alphapy.storage.automod_rules import NotAdded
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.automod")

READ_AGAIN_AFTER = 300.0
"""Seconds after which the rows are read again, for what other programs wrote."""

TRY_AGAIN_AFTER = 5.0
"""Seconds after which a reading that failed is tried again."""


class RuleMemory:
    """Counts for all guilds of the process what their rulebooks hold, and how often that was enough."""

    def __init__(self) -> None:
        # Weak: the book of an actor that is gone is gone, however the actor ended.
        self._books: WeakValueDictionary[GuildId, Rulebook] = WeakValueDictionary()
        self._hits = 0
        self._misses = 0

    def hit(self) -> None:
        """The rules of a guild were wanted, and lay in memory."""
        self._hits += 1

    def miss(self, guild_id: GuildId, book: Rulebook) -> None:
        """The rules of a guild are read from the database, into this book."""
        self._misses += 1
        self._books[guild_id] = book

    def figures(self) -> RuleFigures:
        """What has been counted."""
        return RuleFigures(guilds=len(self._books), hits=self._hits, misses=self._misses)


class Rulebook:
    """See the module. ``rules`` is the set in force; ``lapsed``: premium has ended, which is not told yet."""

    def __init__(self, guild_id: GuildId, pool: Pool, premium: PremiumBook, memory: RuleMemory) -> None:
        self._guild_id = guild_id
        self._pool = pool
        self._premium = premium
        self._memory = memory
        self.rules = RuleSet()
        self.lapsed = False
        self._read_again_at = 0.0

    async def load(self, tx: Transaction) -> None:
        """Read them in the transaction of the actor's start."""
        self._memory.miss(self._guild_id, self)
        self._take(await storage.load(tx, self._guild_id))

    async def fresh(self) -> RuleSet:
        """The set in force, with premium as it is now."""
        if trio.current_time() >= self._read_again_at:
            self._read_again_at = trio.current_time() + TRY_AGAIN_AFTER
            try:
                await self.read()
            except (DatabaseUnavailable, DatabaseBusy, psycopg.OperationalError) as error:
                log.warning(
                    "the rules could not be read again; the last ones hold",
                    extra={"event": "automod_rules_kept", "guild_id": self._guild_id, "error": str(error)},
                )
        else:
            self._memory.hit()
        if any(rule.needs_premium for rule in self.rules.rules):
            premium = await self._premium.in_force(self._guild_id)
            if premium is not self.rules.premium:
                self.lapsed = not premium
                self.rules = RuleSet(self.rules.rules, premium=premium)
        return self.rules

    async def read(self) -> None:
        """Read them now."""
        self._memory.miss(self._guild_id, self)
        self._take(
            await self._pool.run(FEATURE, lambda tx: storage.load(tx, self._guild_id), idempotent=True)
        )

    def _take(self, rules: Iterable[StoredRule]) -> None:
        self.rules = RuleSet(rules, premium=self._premium.last_known(self._guild_id))
        self._read_again_at = trio.current_time() + READ_AGAIN_AFTER

    async def carry_out(self, asked: AddRule | ChangeRule | DeleteRule) -> tuple[object, str]:
        """Do what is asked; the outcome, and what was done in words (empty: nothing)."""
        match asked:
            case AddRule():
                added = await self.add(asked)
                return added, f"added the rule `#{added.id}`" if isinstance(added, StoredRule) else ""
            case ChangeRule():
                changed = await self.change(asked)
                done = isinstance(changed, tuple) and changed[0] != changed[1]
                return changed, f"changed the rule `#{asked.rule_id}`" if done else ""
            case DeleteRule():
                name = await self.delete(asked)
                return name, f"deleted the rule `#{asked.rule_id}`" if name is not None else ""

    async def add(self, asked: AddRule) -> StoredRule | NotAdded | Rejected:
        """Store a new rule; it judges the next message."""
        if asked.draft.needs_premium and not await self._premium.granted(self._guild_id):
            return NEEDS_PREMIUM
        added = await self._pool.run(
            FEATURE, lambda tx: storage.add(tx, self._guild_id, asked.draft, created_by=asked.actor_id)
        )
        await self.read()
        return added

    async def change(self, asked: ChangeRule) -> tuple[StoredRule, StoredRule] | Rejected | None:
        """Change a rule; it judges the next message as it is then."""
        premium = await self._premium.granted(self._guild_id)
        try:
            changed = await self._pool.run(
                FEATURE,
                lambda tx: storage.change(
                    tx,
                    self._guild_id,
                    asked.rule_id,
                    lambda rule: revised(rule, asked.change, premium=premium),
                ),
            )
        except Rejected as rejected:
            return rejected
        await self.read()
        return changed

    async def delete(self, asked: DeleteRule) -> str | None:
        """Delete a rule."""
        name = await self._pool.run(FEATURE, lambda tx: storage.delete(tx, self._guild_id, asked.rule_id))
        await self.read()
        return name
